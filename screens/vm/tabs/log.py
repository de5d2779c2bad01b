"""The log of a VM as a tab: its runs with steps and notes, updated live."""

from __future__ import annotations

from screens.vm.details import VmDetails
from screens.vm.run_lines import RunTable, run_of
from screens.vm.tabs.tab import ListTab
from screens.widgets.rows import TableRow
from screens.widgets.table import Table

_GUTTER = 3


class RunsTab(ListTab):
    """The newest runs; the newest one is expanded."""

    NAME = "runs"
    VERBS = ("vm log",)

    def __init__(self, service_id: int) -> None:
        super().__init__(service_id)
        self._turned: set[int] = set()

    def table(self) -> RunTable:
        return RunTable()

    def source(self) -> list[TableRow]:
        """Nothing yet; the page hands over what it has read."""
        return []

    def reread(self, batch: object = None) -> None:
        """The page reads the runs for all its tabs."""

    def show(self, found: VmDetails) -> None:
        super().show(found)
        self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self._turned ^= {run_of(message.key)}
        self._redraw()

    def _redraw(self) -> None:
        if self.found is None or not isinstance(self.list, RunTable):
            return
        found = self.found.runs
        opened = {run.id for place, run in enumerate(found) if (place == 0) != (run.id in self._turned)}
        self.list.show_runs(found, opened, (self.size.width or self.app.size.width) - _GUTTER)
