"""A list that stays quick at any length: it draws what is in view, and repaints what changed.

    table = Table(columns=(Column("id", "ID", 6), Column("name", "Name", 20, grow=True)), noun="VMs",
                  empty="No VM yet. Press 8, then + to create a service.")
    table.show(MemoryRows(rows, columns))        # or a source that pages from the database
    table.reload()                               # later: cursor, marks, scroll, filter and sort stay

The cursor is on a key, not on a line: whatever comes or goes above it, it stays with its row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from textual import events
from textual.message import Message

from screens.common.bindings import ActionMixin, bindings
from screens.common.text import pasteable
from screens.widgets.grid import HEAD, Grid
from screens.widgets.rows import Key, MemoryRows, RowSource, TableRow, View

MARK_LIMIT = 1_000
"""No more rows than this are marked in one go."""


class Table(ActionMixin, Grid):
    """A keyboard-first list over a `RowSource`."""

    SCOPE = "list"
    BINDINGS = bindings("list")

    @dataclass
    class Opened(Message):
        """The operator opened the row of this key."""

        table: Table
        key: Key

    @dataclass
    class MarksChanged(Message):
        """Other rows are marked now."""

        table: Table
        marks: frozenset[Key]

    @dataclass
    class ViewChanged(Message):
        """Filter or order changed; worth remembering for the next start."""

        table: Table
        view: View

    @dataclass
    class FilterWanted(Message):
        """The operator wants to type a filter."""

        table: Table

    _base: RowSource | None = None
    _last_mark: Key | None = None

    # What a screen says to the table

    def show(self, source: RowSource | Iterable[TableRow]) -> None:
        """Shows these rows from now on, under the view, cursor and marks the operator has."""
        self._base = MemoryRows(source, self.columns) if isinstance(source, Iterable) else source
        self._source = self._base.seen(self.view)
        self._behind = True
        self.reload()

    def put(self, rows: Iterable[TableRow]) -> None:
        newer = tuple(rows)
        for source in {id(each): each for each in (self._base, self._source)}.values():
            if isinstance(source, MemoryRows):
                source.put(newer)
        super().put(newer)

    def look(self, view: View) -> None:
        """Shows the rows under another filter or order."""
        if view != self.view:
            self.view = view
            self._new_view = True
            if self._base is not None:
                self._source = self._base.seen(view)
                self._behind = True
                self.reload()
            self.refresh(*self._edges())
            self.post_message(self.ViewChanged(self, view))

    def recall(self, view: View, key: Key | None = None, marks: Iterable[Key] = ()) -> None:
        """Takes up the view, cursor and marks of an earlier time; call it before `show`."""
        self.view, self.cursor_key, self.marks = view, key, frozenset(marks)

    @property
    def source(self) -> RowSource | None:
        """The rows as they are seen now, under filter and order; what an export writes."""
        return self._source

    @property
    def chosen(self) -> tuple[Key, ...]:
        """What an action is meant for: the marked rows, or the one under the cursor."""
        if self.marks:
            return tuple(self.marks)
        return () if self.cursor_key is None else (self.cursor_key,)

    def clear_step(self) -> bool:
        """Clears the marks, or else the filter; False when there was neither."""
        if self.marks:
            self.do_unmark()
        elif self.view.filter:
            self.look(replace(self.view, filter=""))
        else:
            return False
        return True

    # What the operator asks

    def do_open(self) -> None:
        if self.cursor_key is not None:
            self.post_message(self.Opened(self, self.cursor_key))

    def do_filter(self) -> None:
        self.post_message(self.FilterWanted(self))

    def do_sort(self) -> None:
        keys = ["", *(column.key for _, column in self._painter.shown if column.sortable)]
        at = keys.index(self.view.sort) if self.view.sort in keys else 0
        self.look(replace(self.view, sort=keys[(at + 1) % len(keys)], descending=False))

    def do_reverse(self) -> None:
        if self.view.sort:
            self.look(replace(self.view, descending=not self.view.descending))

    def do_mark(self) -> None:
        if self.cursor_key is not None:
            self._last_mark = self.cursor_key
            self._mark(self.marks ^ {self.cursor_key})
            self._move(self.cursor + 1)

    def do_mark_to(self) -> None:
        """Marks the stretch between the last mark and the cursor, as far as it is at hand."""
        start = self._window.index_of(self._last_mark)
        if start is None:
            self.do_mark()
            return
        low, high = sorted((start, self.cursor))
        rows = (self._window.row(at) for at in range(low, min(high, low + MARK_LIMIT - 1) + 1))
        self._mark(self.marks | {row.key for row in rows if row is not None})

    def do_unmark(self) -> None:
        self._mark(frozenset())

    def do_copy(self) -> None:
        row = self.current
        if row is not None:
            words = (row.cell(place) for place in range(len(row.cells)))
            self.app.copy_to_clipboard("\t".join(pasteable(cell.text) for cell in words))
            self.notify("The row is on the clipboard.", markup=False, timeout=2)

    def do_retry(self) -> None:
        self.error = ""
        self.refresh()
        self.reload()

    def do_up(self) -> None:
        self._move(self.cursor - 1)

    def do_down(self) -> None:
        self._move(self.cursor + 1)

    def do_page_up(self) -> None:
        self._move(self.cursor - self._room())

    def do_page_down(self) -> None:
        self._move(self.cursor + self._room())

    def do_first(self) -> None:
        self._move(0)

    def do_last(self) -> None:
        self._move(self.count - 1)

    def on_click(self, event: events.Click) -> None:
        spot = event.get_content_offset(self)
        if spot is None:
            return
        column = self._painter.column_at(spot.x)
        if spot.y < HEAD and column is not None and column.sortable:
            again = column.key == self.view.sort and not self.view.descending
            self.look(replace(self.view, sort=column.key, descending=again))
        elif spot.y < self._body() + HEAD:
            self._clicked((spot.y - HEAD + self.scroll_offset.y) // self.lines)

    def _clicked(self, index: int) -> None:
        if index == self.cursor:
            self.do_open()
        elif index < self.count:
            self._move(index)

    def _mark(self, marks: frozenset[Key]) -> None:
        changed, self.marks = marks ^ self.marks, marks
        if changed:
            self._refresh_rows(*(at for at in map(self._window.index_of, changed) if at is not None))
            self.refresh(*self._edges())
            self.post_message(self.MarksChanged(self, marks))
