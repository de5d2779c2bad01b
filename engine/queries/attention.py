"""What needs an operator: one list for the dashboard, the alerts and the header's count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.certificates import CertificateExpiry, expiries
from engine.clock import Moment, now_ms
from engine.counting import counted
from engine.notify.settings import receivers
from engine.queries.capacity import Load, capacity
from engine.queries.engines import engines
from engine.queries.outbox import count_unsent, unsent_mails
from engine.queries.tokens import SOON_DAYS, expiring
from engine.store.database import session
from engine.store.models import Client, Product, Run, Server, Service, Step, Vm, Webhook
from engine.store.settings import Thresholds, read
from engine.webhooks.catalog import BY
from engine.work import outages

_SHOWN_STUCK = 20
_LATE_MS = 60_000  # work that is due for so long is done by nobody
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class ScreenTarget:
    """A screen of the console and the row there that something is about."""

    screen: str
    key: int | str | None = None
    filter: str = ""


_CAUSES = {"set_ip": "pools", "clone": "products", "set_dns": "zones", "migrated": "servers"}
"""Where the cause of a failed step is fixed; of all others, on the page of the VM."""


@dataclass(frozen=True, slots=True)
class StuckView:
    """A VM that needs an operator: where it stands, why, since when, and where that is fixed."""

    service_id: int
    name: str
    vm_status: str
    why: str
    since: Moment | None
    client: str = ""
    product: str = ""
    step: str = ""
    retry_at: Moment | None = None
    fix: ScreenTarget | None = None


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server and whether its API answers."""

    name: str
    state: str  # ok, unknown, failing, paused
    version: str
    error: str
    last_ok: Moment | None


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs an operator, the screen that shows it, and the one where its cause is fixed."""

    kind: str  # engine, server, node, stuck, storage, pool, mail, webhook, notify, token, certificate
    about: str
    why: str
    since: Moment | None
    opens: ScreenTarget
    fix: ScreenTarget | None = None
    urgent: bool = True
    more: str = ""
    """Client and product of a VM."""
    retry_at: Moment | None = None


def needs(loads: Sequence[Load], servers: Sequence[ServerState], stuck: Sequence[StuckView]) -> list[Need]:
    """Everything that needs an operator, the widest reaching first; call it inside a session."""
    found = [*_engine(), *_servers(servers), *_nodes(loads), *map(_vm, stuck)]
    found += [*_rooms(loads), *_mails(), *_webhooks(), *_notifications(), *_tokens()]
    return [*found, *_certificates()]


def alerts() -> int:
    """How many things need an operator."""
    with session():
        stuck = Vm.select().where(is_stuck()).count()
        return int(stuck) + len(needs(capacity(history=False), server_states(), ()))


def server_states() -> list[ServerState]:
    """Every server by name."""
    return [_state(row) for row in Server.select().order_by(Server.name)]


def is_stuck() -> Any:
    """The condition of a VM that needs an operator."""
    return ((Vm.error != "") | (Vm.vm_status == "error_terminate")) & (Vm.vm_status != "remove")


def stuck_vms() -> tuple[list[StuckView], int]:
    """The VMs that have needed an operator for the longest time, and how many there are."""
    total = fn.COUNT(Vm.id).over().alias("total")
    query = Vm.select(Vm, Service, Client, Product, Server, total).join(Service).join(Client)
    query = query.switch(Service).join(Product).switch(Vm).join(Server)
    rows = list(query.where(is_stuck()).order_by(Vm.error_since, Vm.id).limit(_SHOWN_STUCK))
    return [_stuck(row) for row in rows], rows[0].total if rows else 0


def _stuck(row: Vm) -> StuckView:
    step = _failed_step(row.id)
    place = _CAUSES.get(step.step) if step is not None else None
    fix: ScreenTarget | None = None
    if row.server.failures or row.server.state == "paused":
        fix = ScreenTarget("servers", row.server.name)
    elif place is not None:
        keys = {"products": row.service.product.name, "servers": row.server.name}
        fix = ScreenTarget(place, keys.get(place))
    return StuckView(
        row.service_id,
        row.name,
        row.vm_status,
        row.error or "termination failed; an operator must act",
        row.error_since or row.updated_at,
        row.service.client.name,
        row.service.product.name,
        step.label if step is not None else "",
        row.due_at,
        fix,
    )


def _failed_step(vm_id: int) -> Step | None:
    """The step that failed last, if the newest run of the VM failed."""
    run = Run.select(Run.id).where(Run.vm == vm_id).order_by(Run.id.desc()).first()
    last = (
        Step.select().where(Step.run == run.id).order_by(Step.n.desc()).first() if run is not None else None
    )
    return last if last is not None and last.result == "error" else None


def _vm(each: StuckView) -> Need:
    failed = f"{each.step}: " if each.step else ""
    opens = ScreenTarget("vm", each.service_id)
    more = f"{each.client}  {each.product}"
    name = each.name or str(each.service_id)
    why = f"{failed}{each.why}"
    return Need("stuck", name, why, each.since, opens, each.fix or opens, more=more, retry_at=each.retry_at)


def _engine() -> Iterator[Need]:
    late = Vm.select().where(Vm.due_at < now_ms() - _LATE_MS).count()
    if late and not engines():
        waiting = counted(late, "VMs are")
        why = f"no engine is running, {waiting} waiting. Start `kvmtui --daemon`, or a console that is not read-only."
        yield Need("engine", "Engine", why, None, ScreenTarget("settings"))


def _servers(servers: Sequence[ServerState]) -> Iterator[Need]:
    for each in servers:
        if each.state == "failing":
            there = ScreenTarget("servers", each.name)
            yield Need("server", each.name, each.error or "does not answer", each.last_ok, there, there)


def _state(row: Server) -> ServerState:
    if row.state == "paused":
        state = "paused"
    elif row.failures or outages.lost(row):
        state = "failing"
    else:
        state = "ok" if row.last_ok_at else "unknown"
    return ServerState(row.name, state, row.version, outages.waits(row) or row.last_error, row.last_ok_at)


def _nodes(loads: Sequence[Load]) -> Iterator[Need]:
    for each in loads:
        if each.kind == "node" and each.alert:
            there = ScreenTarget("servers", each.server)
            yield Need("node", each.name, f"node of {each.server} is offline", None, there, there)


def _rooms(loads: Sequence[Load]) -> Iterator[Need]:
    for each in loads:
        if each.kind == "node" or not each.alert:
            continue
        there = (
            ScreenTarget("pools", each.pool_id)
            if each.kind == "pool"
            else ScreenTarget("servers", each.server)
        )
        place = each.server + (f", node {each.node}" if each.node else "") if each.kind == "storage" else ""
        why = f"{_used(each)}{when_full(each)}" + (f" ({place})" if place else "")
        yield Need(each.kind, each.name, why, None, there, there, urgent=each.full)


def _used(each: Load) -> str:
    left = max(0, each.total - each.used)
    if each.kind == "pool":
        return f"{each.used:,} of {each.total:,} in use ({each.percent} %), {left:,} left"
    return f"{each.percent} % in use, {left / _GIB:,.0f} GiB left"


def when_full(each: Load) -> str:
    """When it will be full, as the end of a sentence; empty while it does not fill up."""
    if each.days_left is None or each.used >= each.total:
        return ""
    days = round(each.days_left)
    return f", full in {counted(days, 'days')}" if days else ", full within a day"


def _webhooks() -> Iterator[Need]:
    for each in Webhook.select().where(Webhook.state == "paused").order_by(Webhook.id):
        why = f"paused: {each.why}. Resume it with `kvmtui webhook resume {each.id}`"
        urgent = not each.why.startswith(BY)
        yield Need("webhook", str(each.id), why, None, ScreenTarget("webhooks", each.id), urgent=urgent)


def _notifications() -> Iterator[Need]:
    if not receivers():
        return
    from engine.queries.notifications import failing  # loads the queue, which few sites have

    for each in failing():
        count = f"{counted(each.pending, 'notifications')} not sent: " if each.pending else ""
        opens = ScreenTarget("webhooks", f"notify {each.name}")
        yield Need("notify", each.name, f"{count}{each.error}", each.failing_since, opens)


def _tokens() -> Iterator[Need]:
    for each in expiring(SOON_DAYS):
        why = f"the token expires within {SOON_DAYS} days. Rotate it with `kvmtui token rotate {each.name}`"
        yield Need("token", each.name, why, None, ScreenTarget("tokens", each.name), urgent=False)


def _certificates() -> Iterator[Need]:
    limit = read(Thresholds).certificate_days
    for each in expiries():
        days = each.days_left
        if not limit or days >= limit:
            continue
        when = "has expired" if days < 0 else f"expires in {counted(days, 'days')}"
        if each.server:
            renew = "Renew it on the node; a pinned fingerprint changes with it"
        else:
            renew = "Renew the file in `tls_cert` and restart the API"
        about = f"{each.server} {each.host}" if each.server else f"API {each.host}"
        yield Need("certificate", about, f"{when}. {renew}", None, where(each), where(each), urgent=days < 0)


def where(each: CertificateExpiry) -> ScreenTarget:
    """The screen a certificate belongs to."""
    return ScreenTarget("servers", each.server) if each.server else ScreenTarget("settings")


def _mails() -> Iterator[Need]:
    count = count_unsent()
    if count:
        last = unsent_mails(1)[0]
        why = f"{last.template} to {last.recipient}: {last.error or 'not sent yet'}"
        about = f"{counted(count, 'mails')} not sent"
        yield Need("mail", about, why, last.created_at, ScreenTarget("outbox"), ScreenTarget("outbox"))
