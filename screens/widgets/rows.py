"""What a table shows: rows of cells with a key, columns with a width, and where the rows come from.

A `RowSource` answers three questions, so that a hundred thousand rows can stay in the database:

    class VmRows:                       # a frozen view of one question to the engine
        inline = False                  # asks a database: called outside the UI thread
        def count(self) -> int: ...
        def page(self, offset: int, limit: int) -> Sequence[Row]: ...
        def index_of(self, key: Key) -> int | None: ...
        def seen(self, view: View) -> RowSource: ...      # the same rows, filtered and sorted

`MemoryRows` is the source for a list that fits in memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

Key = Hashable


@dataclass(frozen=True, slots=True)
class Cell:
    """A text as the engine gave it, what it means, and a smaller second line below it."""

    text: str
    tone: str = ""
    below: str = ""
    value: str | None = None
    """What an export writes; None: the text."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table: its key in the world, and a cell (or plain text) per column."""

    key: Key
    cells: tuple[Cell | str, ...]
    wide: bool = False
    """Its first cell goes over the whole line, as a sentence that fits no column."""
    data: Any = field(default=None, compare=False)
    """The record behind the line; it changes nothing on the screen."""

    def cell(self, index: int) -> Cell:
        """The cell of a column; a row that is too short has empty ones."""
        found = self.cells[index] if index < len(self.cells) else ""
        return found if isinstance(found, Cell) else Cell(found)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the cells it takes at least, its priority (1 stays longest), and whether and how far it may grow."""

    key: str
    title: str
    width: int
    priority: int = 1
    grow: bool = False
    right: bool = False
    sortable: bool = True
    most: int = 0
    """Cells it grows to; 0 sets no limit."""


@dataclass(frozen=True, slots=True)
class View:
    """How an operator looks at a list: filter text, sort column and direction."""

    filter: str = ""
    sort: str = ""
    descending: bool = False


class RowSource(Protocol):
    """Rows that are read page by page. `inline` promises that reading costs no more than memory does."""

    @property
    def inline(self) -> bool:
        """True when it may be called on the screen's own thread."""

    def count(self) -> int:
        """How many rows there are."""

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        """The rows from an offset on, at most `limit`."""

    def index_of(self, key: Key) -> int | None:
        """Index of a row now; None when it is not in the list."""

    def seen(self, view: View) -> RowSource:
        """The same rows under another filter and order."""


class MemoryRows:
    """Rows held in memory, filtered and sorted here.

    >>> source = MemoryRows([Row(1, ("web",)), Row(2, ("db",))], columns=(Column("name", "Name", 10),))
    >>> [row.key for row in source.seen(View(filter="DB")).page(0, 10)]
    [2]
    """

    inline = True

    def __init__(
        self, rows: Iterable[TableRow], columns: Sequence[Column] = (), view: View | None = None
    ) -> None:
        self._all = list(rows)
        self._columns = tuple(columns)
        self._rows = _seen(self._all, self._columns, view or View())
        self._places = {row.key: place for place, row in enumerate(self._rows)}

    def count(self) -> int:
        """How many rows are left under the filter."""
        return len(self._rows)

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        """A slice of them."""
        return self._rows[offset : offset + limit]

    def index_of(self, key: Key) -> int | None:
        """Index of a row, or None."""
        return self._places.get(key)

    def seen(self, view: View) -> MemoryRows:
        """The same rows under another filter and order."""
        return MemoryRows(self._all, self._columns, view)

    def put(self, rows: Iterable[TableRow]) -> None:
        """Newer versions of rows replace the old ones; order and filter stay unchanged."""
        newer = {row.key: row for row in rows}
        self._all = [newer.get(row.key, row) for row in self._all]
        for key, row in newer.items():
            if key in self._places:
                self._rows[self._places[key]] = row


def _seen(rows: Sequence[TableRow], columns: tuple[Column, ...], view: View) -> list[TableRow]:
    words = view.filter.casefold().split()
    kept = [row for row in rows if _holds(row, words)] if words else list(rows)
    place = next((place for place, column in enumerate(columns) if column.key == view.sort), None)
    if place is not None:
        kept.sort(key=lambda row: _order(row.cell(place).text), reverse=view.descending)
    return kept


def _holds(row: TableRow, words: list[str]) -> bool:
    cells = (row.cell(place) for place in range(len(row.cells)))
    everything = " ".join(f"{cell.text} {cell.below}" for cell in cells).casefold()
    return all(word in everything for word in words)


def _order(text: str) -> tuple[int, float, str]:
    """Numbers by size before words by letter."""
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text.casefold())


GAP = 1
"""Empty cells between two columns."""


def fitting(columns: Sequence[Column], width: int) -> tuple[tuple[int, Column], ...]:
    """The columns that fit into a width, the dearest first to stay, with their place in a row.

    What is left over goes to the columns that may grow, in equal shares.

    >>> wide = (Column("id", "ID", 4), Column("name", "Name", 10, grow=True), Column("note", "Note", 20, 2))
    >>> [(c.key, c.width) for _, c in fitting(wide, 30)]
    [('id', 4), ('name', 25)]
    """
    kept: set[int] = set()
    left = width
    for place in sorted(range(len(columns)), key=lambda at: (columns[at].priority, at)):
        needed = columns[place].width + (GAP if kept else 0)
        if kept and needed > left:
            break
        kept.add(place)
        left -= needed
    return _grown([(place, columns[place]) for place in sorted(kept)], left)


def _grown(kept: list[tuple[int, Column]], left: int) -> tuple[tuple[int, Column], ...]:
    widths = {place: column.width for place, column in kept}
    growing = [(place, column) for place, column in kept if column.grow]
    while left > 0 and growing:
        share, rest = divmod(left, len(growing))
        for number, (place, column) in enumerate(growing):
            wished = share + (number < rest)
            given = min(wished, column.most - widths[place]) if column.most else wished
            widths[place] += given
            left -= given
        growing = [
            (place, column) for place, column in growing if not column.most or widths[place] < column.most
        ]
    return tuple((place, replace(column, width=widths[place])) for place, column in kept)
