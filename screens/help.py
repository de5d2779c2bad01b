"""The help page and the palette, both made from the table of actions and from what works here and now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from screens.actions import EVERYWHERE, Action
from screens.habits import Acts, in_scope, key_name, refused
from screens.text import text, unmarked
from screens.widgets.prompt import Prompt
from screens.widgets.toned import Toned

Group = tuple[str, list[tuple[str, Action, str]]]
"""A heading and its lines: the keys, what they do, and why that is refused now."""

TITLES = {
    EVERYWHERE: "Everywhere",
    "list": "Lists",
    "log": "Live log, while the keys are on it",
    "vm": "This VM",
    "vms": "VM list",
    "pools": "IP pools",
    "zones": "DNS zones",
    "service": "This service",
}


def acting(screen: Screen[object]) -> list[Acts]:
    """Whoever carries out actions here: from what has the focus outwards, and then the rest of the screen."""
    start: DOMNode = screen.focused or screen
    chain = [*start.ancestors_with_self, *screen.query("*")]
    return list(dict.fromkeys(node for node in chain if isinstance(node, Acts)))


def offered(screen: Screen[object]) -> Iterator[tuple[Acts, Action]]:
    """Every action of the place one is in, once, with who carries it out."""
    seen: set[str] = set()
    for node in acting(screen):
        for each in in_scope(node.SCOPE):
            if each.id not in seen and not node.hides(each):
                seen.add(each.id)
                yield node, each


class Palette(Provider):
    """Finds any action of the place one is in by its name; `App.COMMANDS = {Palette}`."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for node, each in offered(self.screen):
            score = matcher.match(f"{each.label} {each.help}")
            if score > 0:
                yield Hit(score, Content(each.label), partial(node.ask, each.id), help=_about(node, each))

    async def discover(self) -> Hits:
        for node, each in offered(self.screen):
            yield DiscoveryHit(Content(each.label), partial(node.ask, each.id), help=_about(node, each))


class _Page(Toned):
    def __init__(self, found: Iterable[Group]) -> None:
        super().__init__(classes="help-page")
        self._groups = tuple(found)
        self.needle = ""

    def search(self, needle: str) -> None:
        """Shows only the lines that hold every word."""
        self.needle = needle.strip()
        self.refresh(layout=True)

    def _seen(self) -> Iterator[Group]:
        words = self.needle.lower().split()
        for title, rows in self._groups:
            fit = [row for row in rows if all(word in _words(title, *row) for word in words)]
            if fit:
                yield title, fit

    def render(self) -> Text:
        lines: list[Text] = []
        for title, rows in self._seen():
            lines += [Text(""), Text(title, "bold")]
            lines += [self._line(*row) for row in rows]
        return Text("\n").join(lines[1:] or [Text("No key here does that; esc shows them all again.")])

    def _line(self, keys: str, each: Action, refuses: str) -> Text:
        mark = "!" if each.destructive else " "
        promise = f"{each.label}: {each.help}" + (f"  ({refuses})" if refuses else "")
        return self.toned((f"  {keys:<12}", "accent"), (f"{mark} ", "error"), (promise, ""))


def _words(title: str, keys: str, each: Action, refuses: str) -> str:
    """What a line is found by: its keys, name, promise and group."""
    return f"{title} {keys} {each.label} {each.help} {each.id}".lower()


class HelpPage(ModalScreen[None]):
    """Every key that works where help was asked for; `/` searches."""

    AUTO_FOCUS = ".help-body"

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "back", "Close", show=False),
        Binding("question_mark,q,enter", "app.pop_screen", "Close", show=False),
        Binding("slash", "search", "Search", show=False),
    ]

    def __init__(self, behind: Screen[object]) -> None:
        super().__init__()
        self._page = _Page(groups(behind))
        self._prompt = Prompt("/", "a key, or a word of what it does")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog help"):
            yield Static(text("Keys that work here"), classes="dialog-title")
            yield VerticalScroll(self._page, classes="help-body")
            yield self._prompt
            yield Static(
                text("/ searches · ! cannot be taken back · ↑ ↓ scroll · esc closes"), classes="dialog-keys"
            )

    def action_search(self) -> None:
        """Takes the words to look for."""
        self._prompt.open(self._page.needle)

    def action_back(self) -> None:
        """Takes a search back, or closes."""
        if self._page.needle:
            self._page.search("")
        else:
            self.dismiss()

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        message.stop()
        self._page.search(message.value)
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def on_prompt_closed(self, message: Prompt.Closed) -> None:
        message.stop()
        if not message.kept:
            self._page.search("")
        self.query_one(VerticalScroll).focus()


def groups(screen: Screen[object]) -> Iterator[Group]:
    """The actions of a screen, those of the place first: keys as they are now, and whether it is refused."""
    keys: dict[str, list[str]] = {}
    for active in screen.active_bindings.values():
        if active.binding.id:
            keys.setdefault(active.binding.id, []).append(key_name(active.binding.key))
    found: dict[str, list[tuple[str, Action, str]]] = {}
    read_only = bool(getattr(screen.app, "read_only", False))
    for node, each in offered(screen):
        shown = " ".join(keys.get(each.id) or _elsewhere(screen, each)) or "ctrl+p"
        found.setdefault(each.scope, []).append((shown, each, _why(node, each, read_only)))
    last = ("list", "log", EVERYWHERE)
    for scope in sorted(found, key=lambda scope: last.index(scope) if scope in last else -1):
        yield TITLES.get(scope, scope.capitalize()), found[scope]


def _why(node: Acts, each: Action, read_only: bool) -> str:
    """Why an action is refused now, short enough for a line of help; empty when it is not."""
    if read_only and each.changes:
        return "read-only: refused"
    why = refused(node, each)
    return f"not now: {unmarked(why)}" if why else ""


def _elsewhere(screen: Screen[object], each: Action) -> list[str]:
    """The keys of an action that works once the keys are on another part of the screen, such as the log."""
    moved = screen.app._keymap.get(each.id)
    return [key_name(key) for key in (moved.split(",") if moved else each.keys)]


def _about(node: Acts, each: Action) -> str:
    """The line under a name in the palette: what it promises, and why it would be refused."""
    return unmarked(refused(node, each) or each.help)
