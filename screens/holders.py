"""Who has which address of a pool: a long list read a page at a time, with what is free counted above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.widget import Widget
from textual.widgets import Static

from engine.queries.pools import HeldView, PoolView, held, held_count, held_place
from screens.text import text
from screens.widgets.bar import share
from screens.widgets.dialogs import Dialog
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, Key, Row, RowSource, View
from screens.widgets.table import Table

COLUMNS = (
    Column("address", "Address", 17, grow=True, sortable=False),
    Column("state", "State", 11, 3, sortable=False),
    Column("service", "Service", 7, 2, right=True, sortable=False),
    Column("vm", "VM or note", 14, grow=True, sortable=False),
    Column("rdns", "Reverse name", 16, 2, grow=True, sortable=False),
)
_TONES = {"assigned": "", "reserved": "warn", "quarantined": "muted"}


class Holders(Dialog[int]):
    """The addresses of a pool that are not free; answers with the service whose machine is to be opened."""

    AUTO_FOCUS = "Table"

    def __init__(self, pool: PoolView, reverse: str) -> None:
        """`reverse` says where the reverse names of the pool are kept."""
        super().__init__(
            f"Addresses of {pool.start} – {pool.stop}",
            "enter opens the VM · / filters · y copies · esc closes",
        )
        self._pool, self._reverse = pool, reverse
        empty = "Every address of this pool is free.\nWhat a deploy takes, or you reserve, is listed here."
        self._table = Table(COLUMNS, noun="addresses in use", empty=empty)

    def body(self) -> Iterable[Widget]:
        pool = self._pool
        usage = f"{share(pool.used, pool.total).text}  {pool.used:,} in use, {_many(pool.free)} free"
        yield Static(text(usage), classes="holders-usage")
        yield Static(text(f"Reverse: {self._reverse}"), classes="holders-reverse")
        yield Listing(self._table)

    def on_mount(self) -> None:
        self._table.show(HolderRows(self._pool.id))

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        row = self._table.current
        service = row.cell(2).text if row is not None else ""
        if service.isdigit():
            self.dismiss(int(service))
        else:
            self.notify("No VM has this address.", severity="warning", markup=False)


@dataclass(frozen=True, slots=True)
class HolderRows:
    """The addresses in use of one pool, in their order, read a page at a time."""

    pool_id: int
    text: str = ""
    inline: ClassVar[bool] = False

    def count(self) -> int:
        """How many fit the filter."""
        return held_count(self.pool_id, self.text)

    def page(self, offset: int, limit: int) -> Sequence[Row]:
        """A stretch of them."""
        return [_row(each) for each in held(self.pool_id, offset, limit, self.text)]

    def index_of(self, key: Key) -> int | None:
        """Where an address stands."""
        return held_place(self.pool_id, str(key), self.text)

    def seen(self, view: View) -> RowSource:
        """The same pool under another filter; the order is that of the addresses."""
        return HolderRows(self.pool_id, view.filter)


def _row(each: HeldView) -> Row:
    state = Cell(each.state, _TONES.get(each.state, ""))
    service = "—" if each.service_id is None else str(each.service_id)
    return Row(each.address, (each.address, state, service, each.name, each.rdns))


def _many(number: int) -> str:
    """A number an operator can read; the size of a /64 is told by its power of ten."""
    return f"{number:,}" if number < 10**9 else f"about 10^{len(str(number)) - 1}"
