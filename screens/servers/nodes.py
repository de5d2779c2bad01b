"""The nodes of a server, read live: whether each is online, its load, and our VMs on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from engine.queries.nodes import NodeView, nodes_of
from screens.framework.live_rows import FreshRows
from screens.widgets.bar import share
from screens.widgets.dialogs import Dialog
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, TableRow
from screens.widgets.table import Table

COLUMNS = (
    Column("node", "Node", 14, grow=True),
    Column("state", "State", 10),
    Column("load", "CPU", 19),
    Column("memory", "Memory", 19),
    Column("vms", "Our VMs", 7, 2, right=True),
)


class ServerNodes(Dialog[None]):
    """The nodes of a server; ctrl+t asks again."""

    AUTO_FOCUS = "Table"

    def __init__(self, server: str) -> None:
        super().__init__(f"Nodes of {server}", "/ filters · s sorts · y copies · ^t asks again · esc closes")
        self._server = server
        self._table = Table(COLUMNS, noun="nodes", empty="This login sees no node of the cluster.", lines=2)

    def body(self) -> Iterable[Widget]:
        yield Listing(self._table)

    def on_mount(self) -> None:
        self._table.show(FreshRows(self._rows, COLUMNS))

    def _rows(self) -> Sequence[TableRow]:
        return [_row(each) for each in nodes_of(self._server)]


def _row(each: NodeView) -> TableRow:
    """A node as a line of the list."""
    load = share(round(10 * each.cpu_percent), 1000, full=each.cpu_full)
    memory = share(round(each.memory_used_gib), round(each.memory_gib), full=each.memory_full)
    return TableRow(
        each.name,
        (
            each.name,
            Cell("+ online", "ok") if each.online else Cell("- offline", "error"),
            Cell(load.text, load.tone, below=f"{each.cpus} CPUs"),
            Cell(memory.text, memory.tone, below=f"{each.memory_used_gib:,} of {each.memory_gib:,} GiB"),
            str(each.vms),
        ),
    )
