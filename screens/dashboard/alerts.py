"""The alerts that the header counts, as a list: everything that needs an operator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual.widget import Widget

from engine.queries.attention import Need, ScreenTarget
from engine.queries.dashboard import dashboard
from screens.common.times import age
from screens.framework.live_rows import FreshRows
from screens.widgets.dialogs import Dialog
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, TableRow
from screens.widgets.table import Table

COLUMNS = (
    Column("kind", "Alert", 9),
    Column("about", "About", 20, grow=True),
    Column("why", "Why", 30, 2, grow=True),
    Column("since", "For", 9, 3, right=True),
)


class Alerts(Dialog[ScreenTarget]):
    """Answers with where an alert leads; None when it was closed."""

    AUTO_FOCUS = "Table"

    def __init__(self) -> None:
        super().__init__("Alerts", "enter opens · / filters · esc closes")
        self.add_class("with-rows")
        self.table = Table(COLUMNS, noun="alerts", empty="No alerts.")
        self._targets: dict[str, ScreenTarget] = {}

    def body(self) -> Iterable[Widget]:
        yield Listing(self.table)

    def on_mount(self) -> None:
        self.table.show(FreshRows(self._rows, COLUMNS))

    def reread(self, batch: Any = None) -> None:
        """Reads the alerts again."""
        self.table.reload()

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self.dismiss(self._targets.get(str(message.key)))

    def _rows(self) -> Sequence[TableRow]:
        found = dashboard()
        self._targets = {f"{each.kind} {each.about}": each.opens for each in found.needs}
        rows = [_row(each) for each in found.needs]
        more = found.stuck_total - len(found.stuck)
        if more > 0:
            self._targets["more"] = ScreenTarget("vms", filter="is:stuck")
            words = (Cell("! stuck", "error"), f"{more} more VMs", "enter lists every stuck VM", "")
            rows.append(TableRow("more", words))
        return rows


def _row(each: Need) -> TableRow:
    kind = Cell(f"{'!' if each.urgent else '~'} {each.kind}", "error" if each.urgent else "warn")
    since = age(each.since) if each.since is not None else ""
    return TableRow(f"{each.kind} {each.about}", (kind, each.about, each.why, since))
