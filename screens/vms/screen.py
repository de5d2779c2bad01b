"""VM Management: every VM, searched, filtered and paged by the database, with what can be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from engine.counting import counted
from engine.queries.allowed import VmState
from engine.queries.drifted import DriftedVms, drifted
from engine.queries.usage import is_read, usage_of
from engine.queries.vm_groups import KINDS, MOST, Group, groups
from engine.queries.vm_list import (
    SERVICE_STATES,
    SORTS,
    STATES,
    Counts,
    VmQuestion,
    count,
    counts,
    next_try,
    page,
    position,
)
from engine.queries.vms import VmView, vms_of
from screens.common.bindings import bindings
from screens.common.coalesced import CoalescedRead
from screens.common.delay import after
from screens.common.text import text
from screens.common.times import age
from screens.framework.commands import Commands
from screens.framework.list_screen import ListScreen
from screens.framework.screen import EventBatch
from screens.services.commands import ServiceCommands
from screens.vm.commands import VmCommands
from screens.vm.status import state_of, status
from screens.vms.detail_strip import VmStrip, used
from screens.widgets.dialogs import Choice, Choose
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, Key, RowSource, TableRow, View
from screens.widgets.table import Table

COLUMNS = (
    Column("id", "ID", 6, right=True),
    Column("vm", "VM", 14, 1, grow=True, most=28),
    Column("status", "VM status", 17, 1, grow=True, most=24),
    Column("client", "Client", 12, 2, grow=True, most=24),
    Column("product", "Product", 9, 2, grow=True, most=16),
    Column("node", "Node", 8, 2, grow=True, most=14),
    Column("since", "For", 6, 3, right=True),
    Column("service", "Service", 10, 4),
    Column("ips", "IPs", 18, 5, grow=True, sortable=False, most=42),
    Column("vmid", "VMID", 6, 6, right=True, sortable=False),
    Column("server", "Server", 10, 7, grow=True, most=16),
    # only where the engine of this process has read them
    Column("cpu", "CPU", 5, 8, right=True, sortable=False),
    Column("ram", "RAM", 13, 8, right=True, sortable=False),
)
MOST_CHANGES = 100
"""When more VMs than this changed at once, the whole list is reloaded instead."""
SETTLE_SECONDS = 0.3
_SERVICE_TONES = {"Suspended": "warn", "Terminated": "muted", "Cancelled": "muted", "Pending": "busy"}
_STATE_USES = {
    "all": "Every VM.",
    "working": "A pipeline is at work on it.",
    "stuck": "It failed and needs an operator.",
    "waiting": "It waits for a task, a lock, a server or its turn.",
    "ready": "All is well.",
    "error_terminate": "Its removal failed.",
    "remove": "It is gone; its record is still here.",
}
_GROUP_USES = {
    "node": "One node of a cluster.",
    "client": "One client.",
    "product": "One product.",
    "server": "One cluster.",
}
_EMPTY = "No VM yet.\nPress 8 and then + to create a service for a client."
_FILTER = (
    "text, or node: client: product: server: ip: "
    "is:stuck|drifted|suspended|stopped|running|locked|working|waiting"
)


class VmsScreen(ListScreen):
    """The VM list."""

    NAME = SCOPE = "vms"
    BINDINGS = bindings("vms")
    COMMAND = "kvmtui vm list"

    def __init__(self) -> None:
        super().__init__()
        self.state, self.service = "all", "all"
        self._changed: set[int] = set()
        self._changes = CoalescedRead(self, self._show_changes)
        self._settling = False
        self._counts: Counts | None = None
        self._drift = DriftedVms()
        self._counting = CoalescedRead(self, self._count)
        self._reason = CoalescedRead(self, self._show_reason)

    def compose(self) -> ComposeResult:
        yield Static("", id="vm-filters", markup=False)
        with ServiceCommands(self._chosen, self._known), VmCommands(self._chosen, self._known):
            yield Listing(self.list, hint=_FILTER)
        yield VmStrip()

    def table(self) -> Table:
        return Table(COLUMNS if is_read() else COLUMNS[:-2], noun="VMs", empty=_EMPTY)

    def source(self) -> RowSource:
        return VmRows(VmQuestion(service_status=self.service, state=self.state))

    def on_mount(self) -> None:
        self._show_filters()
        self._counting.wanted()

    async def _count(self) -> None:
        found = await self.in_thread(lambda: (counts(), drifted()))
        if found is not None:
            self._counts, self._drift = found
            self._reason.wanted()
        self._show_filters()

    async def _show_reason(self) -> None:
        """Shows why the VM under the cursor is stuck or waits, when it is tried again, and its addresses."""
        row = self.list.current
        view = row.data if row is not None and isinstance(row.data, VmView) else None
        due = None
        if view is not None and (view.error or view.waiting):
            service_id = view.service_id
            due = await self.in_thread(lambda: next_try(service_id))
        usage = usage_of(view.server, view.vmid) if view is not None else None
        drift = self._drift.differences.get(view.service_id, "") if view is not None else ""
        for strip in self.query(VmStrip):  # none while the screen is being closed
            strip.show(view, due, usage, drift)

    def reread(self, batch: EventBatch | None = None) -> None:
        """Changed VMs in view are reloaded at once; order, filter and count follow a moment later."""
        self._reason.wanted()
        if batch is None or not 0 < len(batch.services) <= MOST_CHANGES:
            super().reread(batch)
            self._counting.wanted()
            return
        self._changed |= batch.services
        self._changes.wanted()

    async def _show_changes(self) -> None:
        services, self._changed = self._changed, set()
        known = [each for each in services if self.list.has(each)]
        if known:
            found = await self.in_thread(lambda: [row(view) for view in vms_of(known)])
            self.list.put(found or ())
            self._state_changed()
        if not self._settling:
            self._settling = True
            after(SETTLE_SECONDS, self, self._settle)

    def _settle(self) -> None:
        self._settling = False
        self.list.reload()
        self._counting.wanted()
        self._reason.wanted()

    def back(self) -> bool:
        if super().back():
            return True
        if self.state == self.service == "all":
            return False
        self.state = self.service = "all"
        self._filters_changed()
        return True

    def notes(self) -> dict[str, Any]:
        return {**super().notes(), "state": self.state, "service": self.service}

    def recall(self, notes: dict[str, Any]) -> None:
        super().recall(notes)
        self.state = notes["state"] if notes.get("state") in STATES else "all"
        self.service = notes["service"] if notes.get("service") in SERVICE_STATES else "all"

    def commands(self) -> list[str]:
        chosen = self._chosen()
        return [*(f"kvmtui vm show {each}" for each in chosen[:10]), "kvmtui vm list --json"]

    def do_state(self) -> None:
        self.run_worker(self._choose_state(), group="dialog", exclusive=True)

    def do_service(self) -> None:
        choices = [Choice(each, "Every service." if each == "all" else "") for each in SERVICE_STATES]
        self.run_worker(
            self._choose("service", "Show services that are", choices), group="dialog", exclusive=True
        )

    async def _choose_state(self) -> None:
        """Offers the states of VMs and the statuses of services in one list."""
        statuses = [each for each in SERVICE_STATES if each != "all"]
        choices = [Choice(each, _STATE_USES[each]) for each in STATES]
        choices += [Choice(each, "Services with this status.") for each in statuses]
        chosen = await self.app.push_screen_wait(Choose("Show VMs that are", choices))
        if chosen is not None:
            setattr(self, "service" if chosen in statuses else "state", chosen)
            self._filters_changed()

    def do_group(self) -> None:
        self.run_worker(self._narrow_to_group(), group="dialog", exclusive=True)

    async def _narrow_to_group(self) -> None:
        """Asks by what to group, shows the groups with their counts, and narrows the list to the chosen one."""
        kind = await self.app.push_screen_wait(
            Choose("Group VMs by", [Choice(each, _GROUP_USES[each]) for each in KINDS])
        )
        if kind is None:
            return
        found = await self.in_thread(lambda: groups(kind)) or []
        title = f"VMs by {kind}" + (f", the {MOST} largest" if len(found) == MOST else "")
        chosen = await self.app.push_screen_wait(Choose(title, [_group_row(each) for each in found]))
        group = next((each for each in found if each.name == chosen), None)
        if group is not None:
            self.list.look(replace(self.list.view, filter=f"{kind}:{group.filter}"))

    async def _choose(self, name: str, title: str, choices: list[Choice]) -> None:
        chosen = await self.app.push_screen_wait(Choose(title, choices))
        if chosen is not None:
            setattr(self, name, chosen)
            self._filters_changed()

    def _filters_changed(self) -> None:
        self._show_filters()
        self.list.show(self.source())
        self.remember()

    def _show_filters(self) -> None:
        on = (("VM state", self.state), ("service", self.service))
        self.list.narrowed = " · ".join(f"{name} {value}" for name, value in on if value != "all")
        words = [_counted(self._counts, self._drift.total)] if self._counts is not None else []
        words += [f"{name}: {value} (i)" for name, value in on if value != "all"]
        for line in self.query("#vm-filters").results(Static):
            line.update(text(" " + " · ".join(words)), layout=False)

    def _chosen(self) -> tuple[int, ...]:
        return tuple(key for key in self.list.chosen if isinstance(key, int))

    def _known(self, service_id: int) -> VmState | None:
        row = self.list.row(service_id)
        return state_of(row.data) if row is not None and isinstance(row.data, VmView) else None

    def _state_changed(self) -> None:
        for each in self.query(Commands):
            each.state_changed()

    def on_grid_highlighted(self) -> None:
        self._state_changed()
        self._reason.wanted()

    def on_table_marks_changed(self) -> None:
        self._state_changed()

    async def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        if isinstance(message.key, int):
            self.app.run_worker(self._open(message.key), group="go")

    async def _open(self, service_id: int) -> None:
        app: Any = self.app
        await app.open_vm(service_id)


@dataclass(frozen=True)
class VmRows:
    """Rows of VMs, read a page at a time."""

    question: VmQuestion = field(default_factory=VmQuestion)
    inline: ClassVar[bool] = False

    def count(self) -> int:
        """How many VMs match."""
        return count(self.question)

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        """A stretch of them."""
        return [row(view) for view in page(self.question, offset, limit)]

    def index_of(self, key: Key) -> int | None:
        """Index of a service's VM in the list; None when it is not in it."""
        return position(self.question, key) if isinstance(key, int) else None

    def seen(self, view: View) -> RowSource:
        """The same VMs as they are shown: text filter and order."""
        sort = view.sort if view.sort in SORTS else "id"
        return VmRows(replace(self.question, text=view.filter, sort=sort, descending=view.descending))


def _counted(found: Counts, drifted: int) -> str:
    """The counts above the list; what is zero takes no room."""
    parts = [f"VMs {found.total:,}"]
    for name in ("working", "waiting", "stuck", "stopped", "suspended"):
        if number := getattr(found, name):
            parts.append(f"{name} {number:,}")
    if drifted:
        parts.append(f"drifted {drifted:,}")
    return " · ".join(parts)


def _group_row(group: Group) -> Choice:
    """A group as a line: how many VMs, and what is not well among them."""
    parts = [counted(group.total, "VMs")]
    parts += [f"{name} {number:,}" for name in ("stuck", "stopped") if (number := getattr(group, name))]
    return Choice(group.name, " · ".join(parts), "error" if group.stuck else "")


def row(view: VmView) -> TableRow:
    """A VM as a line of the list."""
    since = view.error_since if view.error else view.waiting_since if view.waiting else None
    return TableRow(
        view.service_id,
        (
            str(view.service_id),
            view.name or "—",
            _status(view),
            *(view.client, view.product, view.node or "—"),
            Cell("" if since is None else age(since), "muted"),
            Cell(view.service_status, _SERVICE_TONES.get(view.service_status, "")),
            _addresses(view),
            *("" if view.vmid is None else str(view.vmid), view.server),
            *(Cell(words, "muted") for words in used(usage_of(view.server, view.vmid))),
        ),
        data=view,
    )


def _status(view: VmView) -> Cell:
    """The same on one line, without the age, which has a column of its own."""
    cell = status(view)
    words = f"{cell.text} {'stuck' if cell.tone == 'error' else cell.below}".rstrip()
    return Cell(words, "warn" if cell.below == "stopped" else cell.tone, value=view.vm_status)


def _addresses(view: VmView) -> Cell:
    if not view.ips:
        return Cell("—", "muted", value="")
    more = f" +{len(view.ips) - 1}" if len(view.ips) > 1 else ""
    every = " ".join(each.address for each in view.ips)
    return Cell(f"{view.ips[0].address}{more}", value=every)
