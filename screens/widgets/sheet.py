"""Lines that are rewritten from time to time: only the changed cells are drawn again.

sheet.write(((("CPU  ", "muted"), ("21 %", "ok")), (("RAM  ", "muted"), ("52 %", "warn"))))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Region

from screens.common.text import plain
from screens.widgets.toned import Toned

Line = tuple[tuple[str, str], ...]
"""Pieces of a line: words and their tone."""


FILL = "─" * 400
"""A last piece that goes to the right edge, however far that is."""


class Sheet(Toned):
    """Lines of toned words, cut at the edge."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()

    @property
    def words(self) -> list[str]:
        """What is written, line by line."""
        return ["".join(words for words, _ in line) for line in self._lines]

    def write(self, lines: Sequence[Line]) -> None:
        """Shows these lines; the same again costs nothing."""
        before = self._lines
        self._lines = tuple(tuple((plain(words), tone) for words, tone in line) for line in lines)
        if len(before) != len(self._lines):
            self.refresh(layout=True)
        elif before != self._lines:
            self.refresh(*_changes(before, self._lines))

    def render(self) -> Text:
        return Text("\n", no_wrap=True, overflow="ellipsis").join(self._drawn())

    def _drawn(self) -> Iterator[Text]:
        for line in self._lines:
            words = self.toned(*line)
            rule = bool(line) and line[-1][0] == FILL
            width = max(20, self.size.width or self.app.size.width)
            words.truncate(width, overflow="crop" if rule else "ellipsis")
            yield words


def _changes(before: Sequence[Line], now: Sequence[Line]) -> list[Region]:
    """The cells that differ, a stretch per line."""
    pairs = enumerate(zip(before, now, strict=True))
    return [_stretch(at, old, new) for at, (old, new) in pairs if old != new]


def _stretch(at: int, old: Line, new: Line) -> Region:
    was, will = _letters(old), _letters(new)
    first = _same(was, will)
    last = (
        min(_same(was[first:][::-1], will[first:][::-1]), len(will) - first) if len(was) == len(will) else 0
    )
    start = _cells(will[:first])
    end = max(_cells(was), _cells(will)) if not last else _cells(will[: len(will) - last])
    return Region(
        max(0, start - 1), at, end - start + 2, 1
    )  # a cell more at each side: a wide letter may be cut


def _letters(line: Line) -> list[tuple[str, str]]:
    return [(letter, tone) for words, tone in line for letter in words]


def _same(one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> int:
    """How many letters are the same from the start on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cells(letters: Sequence[tuple[str, str]]) -> int:
    return cell_len("".join(letter for letter, _ in letters))
