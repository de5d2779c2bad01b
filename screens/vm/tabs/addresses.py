"""The addresses of a VM: their source, the name each points to, and whether DNS has it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.queries.addresses import AddressView, addresses_of
from screens.common.bindings import action, refused
from screens.framework.live_rows import FreshRows
from screens.vm.commands import VmCommands
from screens.vm.tabs.tab import ListTab
from screens.widgets.rows import Cell, Column, RowSource, TableRow
from screens.widgets.table import Table

COLUMNS = (
    Column("address", "Address", 20, 1, grow=True),
    Column("rdns", "Reverse name", 22, 1, grow=True),
    Column("kept", "In DNS", 15, 1),
    Column("gateway", "Gateway", 15, 3, grow=True),
    Column("where", "Bridge", 13, 4),
)
_EMPTY = "No address yet.\nThe deploy gives it one; with DHCP the guest gets its own."
_KEPT = {
    "written": ("[+] written", "ok"),
    "pending": ("[~] pending", "warn"),
    "deleting": ("[~] deleting", "warn"),
    "left": ("[=] foreign", "muted"),
    "conflict": ("[!] another's", "error"),
    "not written": ("[ ] not yet", "muted"),
    "no zone": ("[ ] no zone", "muted"),
}


class AddressesTab(ListTab):
    """Every address; enter changes the reverse name of the one under the cursor."""

    NAME = "addresses"
    VERBS = ("vm rdns", "vm dns --plan")

    def table(self) -> Table:
        return Table(COLUMNS, noun="addresses", empty=_EMPTY, lines=2)

    def source(self) -> RowSource:
        return FreshRows(self._rows, COLUMNS)

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        return [
            f"kvmtui vm rdns {self.service_id} {key or 'ADDRESS'} NAME",
            f"kvmtui vm dns {self.service_id} --plan",
        ]

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        commands = next(each for each in self.ancestors if isinstance(each, VmCommands))
        why = refused(commands, action("vm.rdns"))
        if why is None:
            commands.ask_reverse(self.service_id, str(message.key))
        else:
            self.notify(why, severity="warning", markup=False)

    def _rows(self) -> Sequence[TableRow]:
        return [row(each, first=place == 0) for place, each in enumerate(addresses_of(self.service_id))]


def row(item: AddressView, first: bool) -> TableRow:
    """The line of an address, with the reason below it when its name cannot be written."""
    words, tone = _KEPT[item.kept]
    return TableRow(
        item.address,
        (
            Cell(f"{item.address}/{item.prefix}", below="main address" if first else ""),
            Cell(
                item.rdns or "none",
                "" if item.own else "muted",
                item.error or ("" if item.own else "the VM's name"),
            ),
            Cell(words, tone),
            Cell(item.gateway or "—", "muted"),
            Cell(f"{item.bridge}{f' VLAN {item.vlan}' if item.vlan else ''}", "muted"),
        ),
    )
