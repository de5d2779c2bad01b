"""The log of a machine as a tab: its runs, opened to steps and notes, brought up to date while they happen."""

from __future__ import annotations

from collections.abc import Iterable

from screens.run_log import COLUMNS, EMPTY, rows
from screens.vm.known import Known
from screens.vm.tab import ListTab
from screens.widgets.rows import Row
from screens.widgets.table import Table


class RunsTab(ListTab):
    """The newest runs; the newest one stands open."""

    NAME = "runs"
    VERBS = ("vm log",)

    def __init__(self, service_id: int) -> None:
        super().__init__(service_id)
        self._turned: set[int] = set()

    def table(self) -> Table:
        return Table(COLUMNS, noun="lines", empty=EMPTY)

    def source(self) -> Iterable[Row]:
        found = self.found.runs if self.found else ()
        return [
            row
            for place, run in enumerate(found)
            for row in rows(run, (place == 0) != (run.id in self._turned))
        ]

    def reread(self, happened: object = None) -> None:
        """The page reads the runs for all its tabs."""

    def show(self, found: Known) -> None:
        super().show(found)
        self.list.show(self.source())

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self._turned ^= {int(str(message.key).partition("/")[0])}
        self.list.show(self.source())
