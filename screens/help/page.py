"""The help page: every key that works on the screen below it, made from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from screens.common import glyphs
from screens.common.actions import EVERYWHERE, Action
from screens.common.bindings import ActionMixin, key_name, refused
from screens.common.text import text, unmarked
from screens.help.available import available, keys_of
from screens.widgets.prompt import Prompt
from screens.widgets.rule import TitledRule, rule_row
from screens.widgets.textual_screen import TextualScreen
from screens.widgets.toned import Toned

_INDENT = 16
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


class _Page(Toned):
    def __init__(self, found: Iterable[Group]) -> None:
        super().__init__(classes="help-page")
        self._groups = tuple(found)
        self._drawn = glyphs.blocks()
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
            before, words, after = rule_row(title, self.size.width, self._drawn)
            lines += [Text(""), self.toned((before, "muted"), (words, "accent"), (after, "muted"))]
            lines += [line for row in rows for line in self._lines(*row)]
        return Text("\n").join(lines[1:] or [Text("No key here does that; esc shows them all again.")])

    def _lines(self, keys: str, each: Action, refuses: str) -> Iterator[Text]:
        mark = "!" if each.destructive else " "
        room = max(20, self.size.width - _INDENT)
        first, *rest = wrap(f"{each.label}: {each.help}", room)
        yield self.toned((f"  {keys:<12}", "accent"), (f"{mark} ", "error"), (first, ""))
        for words, tone in [
            *((line, "") for line in rest),
            *((line, "muted") for line in wrap(refuses, room)),
        ]:
            yield self.toned((f"{'':{_INDENT}}{words}", tone))


def _words(title: str, keys: str, each: Action, refuses: str) -> str:
    """What a line is found by: its keys, name, promise and group."""
    return f"{title} {keys} {each.label} {each.help} {each.id}".lower()


class HelpPage(TextualScreen[None], ModalScreen[None]):
    """Every key that works on the screen below; `/` searches."""

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
            yield TitledRule("Keys that work here", "busy", classes="dialog-title")
            yield VerticalScroll(self._page, classes="help-body")
            yield self._prompt
            yield Static(
                text("/ searches · ! cannot be undone · ↑ ↓ scroll · esc closes"), classes="dialog-keys"
            )
            yield TitledRule(classes="dialog-end")

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
    """The actions of a screen, its own first: with their current keys, and why one is refused."""
    keys = keys_of(screen)
    found: dict[str, list[tuple[str, Action, str]]] = {}
    read_only = bool(getattr(screen.app, "read_only", False))
    for node, each in available(screen):
        shown = keys.get(each.id) or _elsewhere(screen, each) or "ctrl+p"
        found.setdefault(each.scope, []).append((shown, each, _why(node, each, read_only)))
    last = ("list", "log", EVERYWHERE)
    for scope in sorted(found, key=lambda scope: last.index(scope) if scope in last else -1):
        yield TITLES.get(scope, scope.capitalize()), found[scope]


def _why(node: ActionMixin, each: Action, read_only: bool) -> str:
    """Why an action is refused now, short enough for a line of help; empty when it is not."""
    if read_only and each.changes:
        return "read-only: refused"
    why = refused(node, each)
    return f"not now: {unmarked(why)}" if why else ""


def _elsewhere(screen: Screen[object], each: Action) -> str:
    """The keys of an action that works once the keys are on another part of the screen, such as the log."""
    moved = screen.app._keymap.get(each.id)
    return " ".join(key_name(key) for key in (moved.split(",") if moved else each.keys))
