"""Draws the lines of a table as strips, each exactly as wide as the table, and keeps the ones just drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from screens.common.text import clamp, fit
from screens.widgets.rows import GAP, Column, Key, TableRow, View, fitting

GUTTER = 2
"""Two cells before the first column: `>` at the cursor, `*` at a mark, so that neither needs a colour."""

StyleOf = Callable[[str], Style]


class Painter:
    """Knows the columns in view and turns a row into a strip; asks for a style by its name."""

    def __init__(self, columns: Sequence[Column], style_of: StyleOf) -> None:
        self._columns = tuple(columns)
        self._style_of = style_of
        self._strips: LRUCache[tuple[Key, int], tuple[TableRow, str, Strip]] = LRUCache(512)
        self.width = 0
        self.shown: tuple[tuple[int, Column], ...] = ()

    def resize(self, width: int) -> None:
        """Chooses the columns that fit into this width."""
        if width != self.width:
            self.width = width
            self.shown = fitting(self._columns, max(1, width - GUTTER))
            self.forget()

    def forget(self) -> None:
        """Redraws everything next time: colours or widths have changed."""
        self._strips.clear()

    def row(self, row: TableRow, part: int, look: str, marked: bool) -> Strip:
        """One of the lines of a row; `look` is "", "cursor" or "blurred"."""
        state = look + "*" if marked else look
        kept = self._strips.get((row.key, part))
        if kept is not None and kept[0] is row and kept[1] == state:
            return kept[2]
        strip = self._drawn(row, part, look, marked)
        self._strips[(row.key, part)] = (row, state, strip)
        return strip

    def header(self, view: View) -> Strip:
        """The line with the titles; the sorted column carries an arrow."""
        style = self._style_of("table--header")
        titles = [_title(column, view) for _, column in self.shown]
        line = " " * GUTTER + (" " * GAP).join(titles)
        return self._padded([Segment(line, style)], style)

    def line(self, text: str, name: str) -> Strip:
        """A line of words over the whole width."""
        style = self._style_of(name)
        return self._padded([Segment(clamp(text, self.width), style)], style)

    def blank(self) -> Strip:
        """An empty line."""
        return Strip.blank(self.width, self._style_of(""))

    def extent(self, place: int) -> tuple[int, int] | None:
        """Position of a column of the row: first cell and width; None when it is hidden."""
        x = GUTTER
        for at, column in self.shown:
            if at == place:
                return x, column.width
            x += column.width + GAP
        return None

    def column_at(self, x: int) -> Column | None:
        """The column under a cell of the screen."""
        for place, column in self.shown:
            start, width = self.extent(place) or (0, 0)
            if start <= x < start + width:
                return column
        return None

    def _drawn(self, row: TableRow, part: int, look: str, marked: bool) -> Strip:
        base = self._style_of(f"table--{look}" if look else "")
        if marked:
            base = self._style_of("table--marked") + base if look else self._style_of("table--marked")
        pieces = [(_gutter(look, marked) if part == 0 else " " * GUTTER, base)]
        if row.wide:
            return self._padded(_joined([*pieces, self._sentence(row, part, base)]), base)
        for number, (place, column) in enumerate(self.shown):
            cell = row.cell(place)
            words = fit(cell.text if part == 0 else cell.below, column.width, _align(column))
            tone = cell.tone if part == 0 else "muted"
            pieces.append((" " * GAP if number else "", base))
            pieces.append((words, base + self._style_of(f"tone--{tone}") if tone else base))
        return self._padded(_joined(pieces), base)

    def _sentence(self, row: TableRow, part: int, base: Style) -> tuple[str, Style]:
        """A cell over the whole line."""
        cell = row.cell(0)
        words = clamp(cell.text if part == 0 else cell.below, max(1, self.width - GUTTER))
        return words, base + self._style_of(f"tone--{cell.tone}") if cell.tone else base

    def _padded(self, segments: list[Segment], style: Style) -> Strip:
        return Strip(segments).adjust_cell_length(self.width, style)


def _gutter(look: str, marked: bool) -> str:
    return (">" if look else " ") + ("*" if marked else " ")


def _align(column: Column) -> str:
    return "right" if column.right else "left"


def _title(column: Column, view: View) -> str:
    if column.key != view.sort:
        return fit(column.title, column.width, _align(column))
    arrow = "▼" if view.descending else "▲"
    return fit(clamp(column.title, column.width - 1) + arrow, column.width, _align(column))


def _joined(pieces: list[tuple[str, Style]]) -> list[Segment]:
    """Neighbours of one style become one piece: fewer escape sequences on the line."""
    segments: list[Segment] = []
    for words, style in pieces:
        if segments and segments[-1].style == style:
            segments[-1] = Segment(segments[-1].text + words, style)
        elif words:
            segments.append(Segment(words, style))
    return segments
