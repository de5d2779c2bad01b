"""The first screen as one object: what needs an operator, capacity, work, what is pending, what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from peewee import fn

from engine.queries.attention import (
    Need,
    ScreenTarget,
    ServerState,
    StuckView,
    alerts,
    needs,
    server_states,
    stuck_vms,
)
from engine.queries.capacity import Load, capacity
from engine.queries.engines import EngineView, engines
from engine.queries.overdue_backups import OverdueBackup, overdue_backups
from engine.queries.upcoming import LastChange, Upcoming, last_change, upcoming
from engine.queries.workload import ExpiringSoon, PendingWork, Workload, expiry, pending, workload
from engine.schedule.registry import TASKS
from engine.store.database import session
from engine.store.models import Pool, Server, Service, Vm, Zone
from engine.work import task_ledger as ledger
from engine.work.catalog import AT_REST

_SHOWN_BACKUPS = 20

__all__ = ["Dashboard", "ScreenTarget", "alerts", "dashboard", "nothing_yet"]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything the first screen shows."""

    pools: int
    zones: int
    services: dict[str, int]
    vms: dict[str, int]  # total, ready, working, waiting, stuck, error_terminate, removed
    needs: list[Need]
    stuck: list[StuckView]
    stuck_total: int
    servers: list[ServerState]
    loads: list[Load]
    work: Workload
    pending: list[PendingWork]
    expiry: list[ExpiringSoon]
    upcoming: list[Upcoming]
    last_change: LastChange | None
    overdue_backups: list[OverdueBackup]
    overdue_backups_total: int
    tasks: list[ledger.ScheduledTask]
    engines: list[EngineView]


def dashboard(quick: bool = False) -> Dashboard:
    """The state of the site now. `quick`: nothing is loaded that takes long, so step totals may be missing."""
    with session():
        overdue, tasks = overdue_backups(), ledger.standings(TASKS)
        stuck, stuck_total = stuck_vms()
        vms, servers, loads = _vm_states(stuck_total), server_states(), capacity()
        return Dashboard(
            pools=Pool.select().count(),
            zones=Zone.select().count(),
            services=_counts(Service, Service.status),
            vms=vms,
            needs=needs(loads, servers, stuck),
            stuck=stuck,
            stuck_total=stuck_total,
            servers=servers,
            loads=loads,
            work=workload(vms["working"], vms["waiting"], quick),
            pending=pending(overdue, tasks),
            expiry=list(expiry()),
            upcoming=upcoming(tasks),
            last_change=last_change(),
            overdue_backups=overdue[:_SHOWN_BACKUPS],
            overdue_backups_total=len(overdue),
            tasks=tasks,
            engines=engines(),
        )


def nothing_yet() -> bool:
    """Whether there is nothing to count: not even a server was added."""
    with session():
        return not Server.select().exists()


def _counts(model: type, column: object) -> dict[str, int]:
    rows = model.select(column, fn.COUNT(model.id)).group_by(column).tuples()  # type: ignore[attr-defined]
    return dict(rows)


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
