"""What one client has: the services, and the machine of each on enter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from engine.queries.site import services_of_client
from screens.fresh import FreshRows
from screens.moments import at
from screens.services import service_status
from screens.widgets.dialogs import Dialog
from screens.widgets.listing import Listing
from screens.widgets.rows import Column, Row
from screens.widgets.table import Table

COLUMNS = (
    Column("id", "ID", 6, right=True),
    Column("product", "Product", 10, grow=True),
    Column("status", "Status", 12),
    Column("vm", "VM", 14, 2, grow=True),
    Column("vm_status", "VM status", 12, 3, grow=True),
    Column("created", "Since (UTC)", 19, 4),
)


class ClientServices(Dialog[int]):
    """The services of a client; answers with the one whose machine is to be opened."""

    AUTO_FOCUS = "Table"

    def __init__(self, client: str) -> None:
        super().__init__(f"Services of {client}", "enter opens the VM · / filters · y copies · esc closes")
        self._client = client
        empty = "This client has no service yet.\nGo to 8 and press a to create one."
        self._table = Table(COLUMNS, noun="services", empty=empty)

    def body(self) -> Iterable[Widget]:
        yield Listing(self._table)

    def on_mount(self) -> None:
        self._table.show(FreshRows(self._rows, COLUMNS))

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        if isinstance(message.key, int):
            self.dismiss(message.key)

    def _rows(self) -> Sequence[Row]:
        return [
            Row(
                each.id,
                (
                    *(str(each.id), each.product, service_status(each.status)),
                    *(each.vm or "—", each.vm_status or "—", at(each.created)),
                ),
            )
            for each in services_of_client(self._client)
        ]
