"""The module commands of a VM, each with its mark, what it does, and why it cannot run now."""

from __future__ import annotations

from collections.abc import Sequence

from engine.pipelines.command_table import COMMANDS, check
from screens.common.bindings import action, refused
from screens.framework.live_rows import FreshRows
from screens.vm.commands import VmCommands
from screens.vm.details import VmDetails
from screens.vm.tabs.tab import ListTab
from screens.widgets.rows import Cell, Column, RowSource, TableRow
from screens.widgets.table import Table

COLUMNS = (
    Column(
        "command",
        "Command  (* also while it runs · ** only while off · -> leads on to)",
        48,
        1,
        grow=True,
        sortable=False,
    ),
    Column("does", "What it does, or why not now", 30, 2, grow=True, sortable=False),
)


class StepsTab(ListTab):
    """Every single step; enter asks for it."""

    NAME = "steps"
    VERBS = ("vm run-step",)

    def table(self) -> Table:
        return Table(COLUMNS, noun="commands", empty="There is no command.")

    def source(self) -> RowSource:
        return FreshRows(self._rows, COLUMNS)

    def show(self, found: VmDetails) -> None:
        super().show(found)
        self.list.reload()

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        commands = next(each for each in self.ancestors if isinstance(each, VmCommands))
        why = refused(commands, action("vm.step"))
        if why is None:
            commands.ask_step(str(message.key))
        else:
            self.notify(why, severity="warning", markup=False)

    def _rows(self) -> Sequence[TableRow]:
        vm = self.found.vm if self.found else None
        return [
            _row(
                each.name,
                each.marks,
                each.does,
                check(each.name, vm.vm_status, vm.remote_status == "running"),
            )
            for each in COMMANDS
            if vm is not None
        ]


def _row(name: str, marks: str, does: str, why: str | None) -> TableRow:
    """The line of a command; one that cannot run now says why."""
    sign, tone = ("x", "muted") if why else ("+", "")
    return TableRow(name, (Cell(f"{sign} {marks}", tone), Cell(why or does, "muted")))
