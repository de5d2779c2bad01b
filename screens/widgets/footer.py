"""The last line of every screen: the keys that work now, the most useful ones first, those that destroy last.

It reads the bindings that are really active, so what it shows is what the keys do, the operator's own keymap
included. A key that a read-only console refuses is shown dim, and says why when it is pressed.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.screen import Screen

from screens.common.actions import Action
from screens.common.bindings import ActionMixin, action, key_name, refused
from screens.widgets.toned import Toned

MOST = 8
"""Keys on a narrow terminal."""
NARROW = 100
_ALWAYS = ("app.help", "app.palette", "app.quit")


@dataclass(frozen=True, slots=True)
class Hint:
    """A key, what it does, and whether it would be refused."""

    node: ActionMixin
    action: Action
    key: str
    refused: bool

    @property
    def words(self) -> str:
        """As the footer writes it."""
        return f" {self.key} {self.action.label} "


def hints(screen: Screen[object]) -> list[Hint]:
    """The actions that have a key here and now: by rank, and those that cannot be undone after all others."""
    found: dict[str, Hint] = {}
    for active in screen.active_bindings.values():
        ident, node = active.binding.id or "", active.node
        if (
            active.binding.action.startswith("binding(")
            and isinstance(node, ActionMixin)
            and ident not in found
        ):
            asked = action(ident)
            found[ident] = Hint(node, asked, key_name(active.binding.key), refused(node, asked) is not None)
    ranked = [hint for hint in found.values() if hint.action.rank]
    return sorted(ranked, key=_order)


def _order(hint: Hint) -> tuple[bool, int]:
    return hint.action.destructive, hint.action.rank


class Footer(Toned):
    """One line of keys."""

    def __init__(self) -> None:
        super().__init__(id="footer")
        self._hints: list[Hint] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self.app.screen_change_signal.subscribe(self, lambda _: self._bindings_changed(self.screen))
        self._bindings_changed(self.screen)

    def on_resize(self) -> None:
        self._bindings_changed(self.screen)

    def render(self) -> Text:
        line = self.toned()
        for hint in self._hints:
            tone = "muted" if hint.refused else "error" if hint.action.destructive else "accent"
            line.append(f" {hint.key} ", self.tone(tone))
            line.append(f"{hint.action.label} ", self.tone("muted" if hint.refused else ""))
        return line

    async def on_click(self, event: events.Click) -> None:
        x = 0
        for hint in self._hints:
            x += cell_len(hint.words)
            if event.x < x:
                await hint.node.ask(hint.action.id)
                return

    def _bindings_changed(self, screen: Screen[object]) -> None:
        covered = self.app.screen is not self.screen  # a dialog has the keys, and says which
        fitting = [] if covered else self._fitting(hints(screen))
        if fitting != self._hints:
            self._hints = fitting
            self.refresh()

    def _fitting(self, wanted: list[Hint]) -> list[Hint]:
        """As many as there is room for; those that lead to help and out give way last."""
        most = MOST if self.size.width < NARROW else len(wanted)
        kept: list[Hint] = []
        left = self.size.width
        for hint in sorted(wanted, key=lambda hint: (hint.action.id not in _ALWAYS, hint.refused)):
            if len(kept) < most and cell_len(hint.words) <= left:
                kept.append(hint)
                left -= cell_len(hint.words)
        return sorted(kept, key=_order)
