"""The numbers of the dashboard, in a handful of counting queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.clock import Moment
from engine.ipam.pools import usage
from engine.queries.backup_debt import BackupDebt, backup_debts
from engine.queries.engines import EngineView, engines
from engine.queries.outbox import MailView, count_troubled, troubled_mails
from engine.schedule.registry import TASKS
from engine.store.database import session
from engine.store.models import DnsRecord, Pool, Server, Service, Vm, Zone
from engine.work import outages
from engine.work import task_ledger as ledger
from engine.work.catalog import AT_REST

FULL_PERCENT = 90
_SHOWN_STUCK = 20
_SHOWN_DEBTS = 20
_SHOWN_MAILS = 20


@dataclass(frozen=True, slots=True)
class StuckView:
    """A VM that needs an operator: where it stands, why, since when."""

    service_id: int
    name: str
    vm_status: str
    why: str
    since: Moment | None


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """A pool close to full."""

    id: int
    label: str
    used: int
    total: int

    @property
    def percent(self) -> int:
        """How full it is."""
        return round(100 * self.used / self.total) if self.total else 100


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server and whether its API answers."""

    name: str
    state: str  # ok, unknown, failing, paused
    version: str
    error: str
    last_ok: Moment | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything the first screen shows."""

    pools: int
    zones: int
    services: dict[str, int]
    vms: dict[str, int]  # ready, working, waiting, stuck, error_terminate, removed
    stuck: list[StuckView]
    stuck_total: int
    full_pools: list[PoolLoad]
    servers: list[ServerState]
    dns_debt: int
    backup_debts: list[BackupDebt]
    backup_debts_total: int
    mails: list[MailView]
    """Mails that failed or wait too long."""
    mails_total: int
    tasks: list[ledger.Standing]
    engines: list[EngineView]


def dashboard() -> Dashboard:
    """The state of the site now."""
    with session():
        owed = backup_debts()
        stuck, stuck_total = _stuck_vms()
        return Dashboard(
            pools=Pool.select().count(),
            zones=Zone.select().count(),
            services=_counts(Service, Service.status),
            vms=_vm_states(stuck_total),
            stuck=stuck,
            stuck_total=stuck_total,
            full_pools=_full_pools(),
            servers=[_server(row) for row in Server.select().order_by(Server.name)],
            dns_debt=DnsRecord.select()
            .where(DnsRecord.state.in_(("pending", "deleting", "conflict")))
            .count(),
            backup_debts=owed[:_SHOWN_DEBTS],
            backup_debts_total=len(owed),
            mails=troubled_mails(_SHOWN_MAILS),
            mails_total=count_troubled(),
            tasks=[ledger.standing(task) for task in TASKS],
            engines=engines(),
        )


def alerts() -> int:
    """How many things need an operator's look: stuck VMs, servers that do not answer, pools close to full."""
    with session():
        troubled = (Server.failures > 0) | Server.probe_at.is_null(False)
        failing = Server.select().where(Server.state != "paused", troubled).count()
        return Vm.select().where(_is_stuck()).count() + failing + len(_full_pools())


def nothing_yet() -> bool:
    """Whether there is nothing to count: not even a server was added."""
    with session():
        return not Server.select().exists()


def _counts(model: type, column: object) -> dict[str, int]:
    rows = model.select(column, fn.COUNT(model.id)).group_by(column).tuples()  # type: ignore[attr-defined]
    return dict(rows)


def _is_stuck() -> Any:
    return ((Vm.error != "") | (Vm.vm_status == "error_terminate")) & (Vm.vm_status != "remove")


def _stuck_vms() -> tuple[list[StuckView], int]:
    """Those that wait longest for an operator, and how many there are: every machine is looked at, but once."""
    found = Vm.select(Vm, fn.COUNT(Vm.id).over().alias("total")).where(_is_stuck())
    rows = list(found.order_by(Vm.error_since, Vm.id).limit(_SHOWN_STUCK))
    return [_stuck(row) for row in rows], rows[0].total if rows else 0


def _vm_states(stuck: int) -> dict[str, int]:
    """VMs by state; queried so that an index knows all but those in motion."""
    by_status = _counts(Vm, Vm.vm_status)
    moving = [status for status in by_status if status not in AT_REST]
    waiting = Vm.select().where(Vm.wait_kind > "", Vm.error == "").count()
    busy = Vm.select().where(Vm.vm_status.in_(moving), Vm.error == "", Vm.wait_kind == "").count()
    return {
        "total": sum(by_status.values()),
        "ready": by_status.get("ready", 0),
        "working": busy,
        "waiting": waiting,
        "stuck": stuck,
        "error_terminate": by_status.get("error_terminate", 0),
        "removed": by_status.get("remove", 0),
    }


def _stuck(row: Vm) -> StuckView:
    why = row.error or "termination failed; an operator must act"
    return StuckView(row.service_id, row.name, row.vm_status, why, row.error_since or row.updated_at)


def _full_pools() -> list[PoolLoad]:
    pools = {row.id: row for row in Pool.select()}
    loads = [
        PoolLoad(pool_id, f"{pools[pool_id].start} – {pools[pool_id].stop}", count.used, count.total)
        for pool_id, count in usage(list(pools)).items()
    ]
    full = [load for load in loads if load.percent >= FULL_PERCENT]
    return sorted(full, key=lambda load: -load.percent)[:10]


def _server(row: Server) -> ServerState:
    if row.state == "paused":
        state = "paused"
    elif row.failures or outages.lost(row):
        state = "failing"
    else:
        state = "ok" if row.last_ok_at else "unknown"
    return ServerState(row.name, state, row.version, outages.waits(row) or row.last_error, row.last_ok_at)
