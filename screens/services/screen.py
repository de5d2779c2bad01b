"""Services: what each client has, and what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from textual.app import ComposeResult

from engine.actions.repository import PutResult
from engine.actions.services import create_service
from engine.forms import ServiceForm
from engine.queries import service_list
from engine.queries.allowed import VmState
from engine.queries.inventory import ServiceView, products
from engine.queries.refs import names_of
from engine.queries.service_list import ServiceQuestion
from screens.common.bindings import bindings
from screens.framework.form_questions import questions
from screens.framework.record_view import Related
from screens.framework.records_screen import RecordsScreen
from screens.framework.screen import actor
from screens.services.adopt import Adopts
from screens.services.commands import ServiceCommands
from screens.services.options import sectioned, suggest
from screens.widgets.fields import FormField
from screens.widgets.form import FormWidget
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, Key, RowSource, TableRow, View

OPTIONS = "options__"
_STATES = {
    "Active": ("+", "ok"),
    "Suspended": ("~", "warn"),
    "Pending": (">", "busy"),
    "Terminated": ("x", "muted"),
    "Cancelled": ("x", "muted"),
}


class ServicesScreen(Adopts, RecordsScreen):
    """The services of the site."""

    NAME = SCOPE = "services"
    BINDINGS = bindings("services")
    COMMAND = "kvmtui service list"
    NOUN = "service"
    EMPTY = "No service yet.\nPress + to create one; it needs a client (7) and a product (5)."
    FORM = ServiceForm
    COLUMNS = (
        Column("id", "ID", 6, right=True),
        Column("client", "Client", 14, 2, grow=True),
        Column("product", "Product", 10, 2, grow=True),
        Column("status", "Status", 13),
        Column("vm", "VM", 16, 3, grow=True),
        Column("pending", "Not applied yet", 15, 4, grow=True, sortable=False),
    )

    def __init__(self) -> None:
        super().__init__()
        self._specs: dict[str, Mapping[str, Any]] = {}

    def compose(self) -> ComposeResult:
        with ServiceCommands(self.chosen, self._known):
            yield Listing(self.list)

    def source(self) -> RowSource:
        return ServiceRows()

    def fields(self, key: Any) -> Sequence[FormField]:
        return sectioned(questions(ServiceForm), OPTIONS, Service=("client", "product", "id"))

    def choices(self) -> dict[str, Sequence[str]]:
        self._specs = {each.name: each.spec for each in products()}
        return {"client": names_of("client"), "product": sorted(self._specs)}

    def follow(self, form: FormWidget, values: Mapping[str, object]) -> None:
        """Empty options show the product's value in grey."""
        suggest(form, self._specs.get(str(values.get("product"))), OPTIONS)

    def save(self, form: Any, key: Any) -> PutResult:
        return create_service(form, actor())

    def opened(self, key: Any) -> None:
        """Enter goes to the VM of the service."""
        app: Any = self.app
        self.app.run_worker(app.open_vm(key), group="go")

    def chosen(self) -> tuple[int, ...]:
        """The services an action is meant for."""
        return tuple(key for key in self.list.chosen if isinstance(key, int))

    def _known(self, service_id: int) -> VmState | None:
        row = self.list.row(service_id)
        view = row.data if row is not None else None
        if not isinstance(view, ServiceView) or view.vm_status is None:
            return None
        return VmState(view.vm or str(view.id), view.vm_status, view.status)

    def _state_changed(self) -> None:
        for each in self.query(ServiceCommands):
            each.state_changed()

    def on_grid_highlighted(self) -> None:
        self._state_changed()

    def on_table_marks_changed(self) -> None:
        self._state_changed()

    def commands(self) -> list[str]:
        return [*(f"kvmtui service show {each}" for each in self.chosen()[:10]), "kvmtui service list --json"]


@dataclass(frozen=True)
class ServiceRows:
    """Rows of services, read a page at a time."""

    question: ServiceQuestion = field(default_factory=ServiceQuestion)
    inline: ClassVar[bool] = False

    def count(self) -> int:
        """How many services fit."""
        return service_list.count(self.question)

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        """A stretch of them."""
        return [_row(each) for each in service_list.page(self.question, offset, limit)]

    def index_of(self, key: Key) -> int | None:
        """Index of a service in the list; None when it is not in it."""
        return service_list.position(self.question, key) if isinstance(key, int) else None

    def seen(self, view: View) -> RowSource:
        """The same services as they are looked at: the text filter and the order."""
        sort = view.sort if view.sort in service_list.SORTS else "id"
        question = replace(self.question, text=view.filter, sort=sort, descending=view.descending)
        return ServiceRows(question)


def services_with(client: str = "", product: str = "", server: str = "") -> Related:
    """The services that hang on a record."""
    return Related(
        ServicesScreen.COLUMNS,
        ServiceRows(ServiceQuestion(client=client, product=product, server=server)),
        "services",
        "No service uses it.",
        lambda row: row.key if isinstance(row.key, int) else None,
    )


def _row(each: ServiceView) -> TableRow:
    pending = ", ".join(change.field for change in each.pending)
    return TableRow(
        each.id,
        (
            *(str(each.id), each.client, each.product, service_status(each.status), each.vm or "—"),
            Cell(f"~ {pending}" if pending else "", "warn"),
        ),
        data=each,
    )


def service_status(status: str) -> Cell:
    """The status of a service by sign, word and colour."""
    sign, tone = _STATES.get(status, ("?", "muted"))
    return Cell(f"{sign} {status}", tone)
