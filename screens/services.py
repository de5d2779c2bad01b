"""Services: what each client has, and what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from engine.actions.services import create_service
from engine.forms import ServiceForm, checked
from engine.queries.refs import names_of
from engine.queries.site import services
from screens.habits import bindings
from screens.place import actor
from screens.records import RecordsPlace
from screens.service_commands import ServiceCommands
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, Row

_TONES = {"Active": "ok", "Suspended": "warn", "Pending": "busy"}


class ServicesPlace(RecordsPlace):
    """The services of the site."""

    NAME = SCOPE = "services"
    BINDINGS = bindings("services")
    COMMAND = "kvmtui service list"
    NOUN = "service"
    EMPTY = "No service yet.\nPress a to create one; it needs a client (7) and a product (5)."
    FORMS = (ServiceForm,)
    COLUMNS = (
        Column("id", "ID", 6, right=True),
        Column("client", "Client", 14, 2, grow=True),
        Column("product", "Product", 10, 2, grow=True),
        Column("status", "Status", 12),
        Column("vm", "VM", 16, 3, grow=True),
        Column("pending", "Not applied yet", 15, 4, grow=True),
    )

    def compose(self) -> ComposeResult:
        with ServiceCommands(self.chosen):
            yield Listing(self.list)

    def rows(self) -> Sequence[Row]:
        return [
            Row(
                each.id,
                (
                    *(str(each.id), each.client, each.product),
                    *(Cell(each.status, _TONES.get(each.status, "muted")), each.vm),
                    Cell(", ".join(change.field for change in each.pending), "warn"),
                ),
            )
            for each in services()
        ]

    def choices(self) -> dict[str, Sequence[str]]:
        return {"client": names_of("client"), "product": names_of("product")}

    def values(self, key: Any) -> Mapping[str, Any]:
        return {}

    def save(self, values: dict[str, Any], key: Any) -> Any:
        return create_service(checked(ServiceForm, values), actor())

    def opened(self, key: Any) -> None:
        """Enter goes to the machine of the service."""
        app: Any = self.app
        self.app.run_worker(app.open_vm(key))

    def chosen(self) -> tuple[int, ...]:
        """The services an action is meant for."""
        return tuple(key for key in self.list.chosen if isinstance(key, int))
