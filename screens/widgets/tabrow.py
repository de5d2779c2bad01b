"""One line of tabs; the open one is in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message

from screens.widgets.toned import Toned

Names = tuple[str, str, str]
"""Its name, what is written, and the same where there is little room."""


class TabRow(Toned):
    """Names in a row, in full if all fit, else short; a click chooses one."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        name: str

    def __init__(self, tabs: Sequence[Names], active: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.active = active
        self._tabs = tuple(tabs)

    def show(self, name: str) -> None:
        """Marks another tab as the one that is open."""
        if name != self.active:
            self.active = name
            self.refresh()

    def render(self) -> Text:
        return self.toned(
            *((words, "accent" if name == self.active else "") for name, words in self._words())
        )

    def on_click(self, event: events.Click) -> None:
        x = 0
        for name, words in self._words():
            x += cell_len(words)
            if event.x < x:
                self.post_message(self.Chosen(name))
                return

    def _words(self) -> list[tuple[str, str]]:
        full = [(name, self._label(name, label)) for name, label, _ in self._tabs]
        if sum(cell_len(words) for _, words in full) <= self.size.width:
            return full
        return [(name, self._label(name, short)) for name, _, short in self._tabs]

    def _label(self, name: str, label: str) -> str:
        return f"[{label}]" if name == self.active else f" {label}"
