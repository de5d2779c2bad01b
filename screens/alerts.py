"""The alerts that the header counts, as a list: stuck VMs, servers that do not answer, pools close to full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual.widget import Widget

from engine.queries.dashboard import dashboard
from screens.fresh import FreshRows
from screens.moments import age
from screens.widgets.dialogs import Dialog
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, Row
from screens.widgets.table import Table

COLUMNS = (
    Column("kind", "Alert", 8),
    Column("about", "About", 20, grow=True),
    Column("why", "Why", 30, 2, grow=True),
    Column("since", "For", 9, 3, right=True),
)


class Alerts(Dialog[str]):
    """Answers with where an alert leads: `vm 5546`, `servers` or `pools`; None when it was closed."""

    AUTO_FOCUS = "Table"

    def __init__(self) -> None:
        super().__init__("Alerts", "enter opens · / filters · esc closes")
        self.add_class("with-rows")
        self.table = Table(COLUMNS, noun="alerts", empty="No alerts.")

    def body(self) -> Iterable[Widget]:
        yield Listing(self.table)

    def on_mount(self) -> None:
        self.table.show(FreshRows(_rows, COLUMNS))

    def reread(self, happened: Any = None) -> None:
        """Reads the alerts again."""
        self.table.reload()

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self.dismiss(str(message.key).partition("|")[0])


def _rows() -> Sequence[Row]:
    found = dashboard()
    rows = [
        Row(
            f"vm {each.service_id}",
            (Cell("! stuck", "error"), f"{each.name} ({each.vm_status})", each.why, age(each.since)),
        )
        for each in found.stuck
    ]
    rows += [
        Row(f"servers|{each.name}", (Cell("! server", "error"), each.name, each.error, age(each.last_ok)))
        for each in found.servers
        if each.state == "failing"
    ]
    rows += [
        Row(
            f"pools|{each.id}",
            (
                Cell("! pool", "warn"),
                each.label,
                f"{each.used} of {each.total} in use ({each.percent} %)",
                "",
            ),
        )
        for each in found.full_pools
    ]
    more = found.stuck_total - len(found.stuck)
    if more > 0:
        rows.append(
            Row("vms", (Cell("! stuck", "error"), f"{more} more VMs", "Filter the VM list by is:stuck.", ""))
        )
    return rows
