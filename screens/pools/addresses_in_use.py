"""The addresses in use of a pool: a long list read a page at a time, with the free ones counted above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from engine.queries.pools import HeldView, PoolView, held, held_count, index_of_held
from screens.framework.record_view import Related
from screens.widgets.bar import share
from screens.widgets.rows import Cell, Column, Key, RowSource, TableRow, View

COLUMNS = (
    Column("address", "Address", 17, grow=True, sortable=False),
    Column("state", "State", 11, 3, sortable=False),
    Column("service", "Service", 7, 2, right=True, sortable=False),
    Column("vm", "VM or note", 14, grow=True, sortable=False),
    Column("rdns", "Reverse name", 16, 2, grow=True, sortable=False),
)
_TONES = {"assigned": "", "reserved": "warn", "quarantined": "muted"}


def holders(pool: PoolView, reverse: str) -> Related:
    """The addresses of a pool that are not free; `reverse` says where its reverse names are kept."""
    usage = (
        f"{share(pool.used, pool.total, full=pool.full).text}  {pool.used:,} in use, {_many(pool.free)} free"
    )
    return Related(
        COLUMNS,
        HolderRows(pool.id),
        "addresses in use",
        "Every address of this pool is free.\nWhat a deploy takes, or you reserve, is listed here.",
        _service_of,
        f"{usage}\nReverse: {reverse}",
    )


def _service_of(row: TableRow) -> int | None:
    service = row.cell(2).text
    return int(service) if service.isdigit() else None


@dataclass(frozen=True, slots=True)
class HolderRows:
    """The addresses in use of one pool, in their order, read a page at a time."""

    pool_id: int
    text: str = ""
    inline: ClassVar[bool] = False

    def count(self) -> int:
        """How many fit the filter."""
        return held_count(self.pool_id, self.text)

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        """A stretch of them."""
        return [_row(each) for each in held(self.pool_id, offset, limit, self.text)]

    def index_of(self, key: Key) -> int | None:
        """Index of an address in the list; None when it is not in it."""
        return index_of_held(self.pool_id, str(key), self.text)

    def seen(self, view: View) -> RowSource:
        """The same pool under another filter; the order is that of the addresses."""
        return HolderRows(self.pool_id, view.filter)


def _row(each: HeldView) -> TableRow:
    state = Cell(each.state, _TONES.get(each.state, ""))
    service = "—" if each.service_id is None else str(each.service_id)
    return TableRow(each.address, (each.address, state, service, each.name, each.rdns))


def _many(number: int) -> str:
    """A readable number; the size of a /64 is written as a power of ten."""
    return f"{number:,}" if number < 10**9 else f"about 10^{len(str(number)) - 1}"
