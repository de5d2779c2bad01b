"""Rows that are read from the engine whenever their list is read, outside the UI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from screens.widgets.rows import Column, Key, MemoryRows, RowSource, TableRow, View

Read = Callable[[], Sequence[TableRow]]


@dataclass
class FreshRows:
    """A short list out of the database, filtered and sorted here."""

    read: Read
    columns: tuple[Column, ...]
    view: View = field(default_factory=View)
    _now: RowSource | None = None
    inline: ClassVar[bool] = False

    def count(self) -> int:
        """Reads the list again; how many rows fit the view."""
        self._now = MemoryRows(self.read(), self.columns).seen(self.view)
        return self._now.count()

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        """A stretch of the rows last read."""
        return self._rows().page(offset, limit)

    def index_of(self, key: Key) -> int | None:
        """Index of the row of a key."""
        return self._rows().index_of(key)

    def seen(self, view: View) -> RowSource:
        """The same list under another view."""
        return FreshRows(self.read, self.columns, view)

    def _rows(self) -> RowSource:
        if self._now is None:
            self.count()
        assert self._now is not None
        return self._now
