"""One line of tabs; the open one is in brackets and in reverse video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message

from screens.widgets.toned import Toned


@dataclass(frozen=True, slots=True)
class TabName:
    """A tab in the row: its name, and what is written after its key."""

    name: str
    label: str
    key: str = ""


class TabRow(Toned):
    """Names in a row, the same at every width; counts and spaces after keys only where there is room.

    Where the counts do not all fit, the last ones are left out.
    """

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        name: str

    def __init__(self, tabs: Sequence[TabName], active: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.active = active
        self._tabs = tuple(tabs)
        self._counts: Mapping[str, int] = {}

    def show(self, name: str) -> None:
        """Marks another tab as the one that is open."""
        if name != self.active:
            self.active = name
            self.refresh()

    def count(self, counts: Mapping[str, int]) -> None:
        """Writes how much there is behind some of the tabs."""
        if counts != self._counts:
            self._counts = dict(counts)
            self.refresh()

    def render(self) -> Text:
        line = Text(no_wrap=True, end="", overflow="ellipsis")
        for name, words in self._words():
            line.append(words, self.tone("accent") + Style(reverse=True) if name == self.active else "")
        return line

    def on_click(self, event: events.Click) -> None:
        x = 0
        for name, words in self._words():
            x += cell_len(words)
            if event.x < x:
                self.post_message(self.Chosen(name))
                return

    def _words(self) -> list[tuple[str, str]]:
        """The row as full as it fits."""
        counted = [each.name for each in self._tabs if each.name in self._counts]
        counted.sort(key=list(self._counts).index)
        layouts = [(set(counted[:number]), " ") for number in range(len(counted), -1, -1)]
        words: list[tuple[str, str]] = []
        for shown, gap in [*layouts, (set(), "")]:
            words = [(each.name, self._label(each, shown, gap)) for each in self._tabs]
            if sum(cell_len(label) for _, label in words) <= self.size.width:
                break
        return words

    def _label(self, tab: TabName, counted: set[str], gap: str) -> str:
        words = f"{tab.key}{gap}{tab.label}" if tab.key else tab.label
        if tab.name in counted:
            words = f"{words} {self._counts[tab.name]:,}"
        if tab.name == self.active:
            return f"[{words}]"
        return f"  {words}" if tab.key and counted else f" {words}"
