"""The rows a table has at hand: a stretch around what is in view, read from its source in one go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from screens.widgets.rows import Key, RowSource, TableRow


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """What a reading must bring: the stretch to hold, and the row to find again by its key."""

    first: int
    limit: int
    key: Key | None = None
    follow: bool = False
    """True when the range moves with the key, wherever that row is now."""
    room: int = 0
    """How many rows of the stretch are in view; the row is found at `offset` of them."""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """One reading of a source. It is replaced, never changed, so that two readings can be compared."""

    count: int = 0
    first: int = 0
    rows: tuple[TableRow, ...] = ()
    found: int | None = None
    """Index of the row that was requested by key; None when it is gone."""
    limit: int = 0
    """How many rows were requested; a source that returns fewer is not queried for the same range again."""
    places: dict[Key, int] = field(default_factory=dict)

    def row(self, index: int) -> TableRow | None:
        """The row at an index of the whole list, if it is at hand."""
        at = index - self.first
        return self.rows[at] if 0 <= at < len(self.rows) else None

    def index_of(self, key: Key | None) -> int | None:
        """Index of a loaded row, by its key."""
        at = None if key is None else self.places.get(key)
        return None if at is None else self.first + at

    def holds(self, first: int, last: int) -> bool:
        """True when every existing row from first to last has been requested."""
        return first >= self.first and min(last, self.count) <= self.first + self.limit

    def with_rows(self, changed: Iterable[TableRow]) -> Window:
        """The same stretch with newer rows in place of those with the same key."""
        rows = list(self.rows)
        for row in changed:
            at = self.places.get(row.key)
            if at is not None:
                rows[at] = row
        return Window(self.count, self.first, tuple(rows), self.found, self.limit, self.places)


def read(source: RowSource, wanted: WindowRequest) -> Window:
    """Asks a source for a stretch; may take as long as a database does."""
    count = source.count()
    found = source.index_of(wanted.key) if wanted.key is not None else None
    first = wanted.first
    if wanted.follow and found is not None:
        first = found - wanted.offset - (wanted.limit - wanted.room) // 2
    first = max(0, min(first, count - wanted.limit))
    rows = tuple(source.page(first, wanted.limit))
    places = {row.key: at for at, row in enumerate(rows)}
    return Window(count, first, rows, found, wanted.limit, places)
