"""What the schedule does next: tasks, backups and snapshots, and snapshots that expire; and what was changed last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.clock import Moment, local, now_ms
from engine.counting import counted
from engine.queries.attention import ScreenTarget
from engine.queries.overdue_backups import first_due
from engine.store.models import Audit, BackupSchedule, Service, Snapshot, SnapshotSchedule, Vm
from engine.work import task_ledger as ledger

_OFTEN_MINUTES = 15  # tasks that run more often are not news
_DAY_MS = 86_400_000
_LIFETIME_DAYS = 10  # a product cannot say more
_READ = 200


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the schedule does next."""

    at: Moment
    what: str
    opens: ScreenTarget


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last thing somebody changed."""

    login: str
    action: str
    about: str
    at: Moment


def upcoming(tasks: Sequence[ledger.ScheduledTask], most: int = 4) -> list[Upcoming]:
    """What happens next by itself, the soonest first; call it inside a session."""
    every = [
        *_tasks(tasks),
        *_scheduled(BackupSchedule, "backups"),
        *_scheduled(SnapshotSchedule, "snapshots"),
    ]
    return sorted([*every, *_expiring_snapshots()], key=lambda each: each.at)[:most]


def _tasks(tasks: Sequence[ledger.ScheduledTask]) -> Iterator[Upcoming]:
    names = {"collectingStatistics": "statistics"}
    for each in tasks:
        if each.interval_minutes >= _OFTEN_MINUTES and each.next_run_at is not None and each.last_run_at:
            yield Upcoming(
                each.next_run_at, names.get(each.task, each.task), ScreenTarget("settings", each.task)
            )


def _scheduled(table: Any, what: str) -> Iterator[Upcoming]:
    """The next backups or snapshots by schedule; schedules of the same days and minute are one line."""
    now, zone = now_ms(), local(0).tzinfo
    query: Any = (
        table.select(table.days, table.minute, fn.COUNT(table.id))
        .join(Vm)
        .join(Service)
        .where(Service.status == "Active", Vm.vm_status == "ready")
        .group_by(table.days, table.minute)
    )
    counts: dict[int, int] = {}
    for days, minute, count in query.tuples():
        due = first_due(days, minute, now, zone)
        if due is not None:
            counts[due] = counts.get(due, 0) + count
    for due, count in counts.items():
        yield Upcoming(due, counted(count, what), ScreenTarget("vms"))


def _expiring_snapshots() -> Iterator[Upcoming]:
    """The next snapshots of ours whose lifetime ends, one line for those of the same minute."""
    now = now_ms()
    query: Any = Snapshot.select(Snapshot.at, Vm.plan, Vm.service, Vm.name).join(Vm)
    query = query.where(Snapshot.at > now - _LIFETIME_DAYS * _DAY_MS, Vm.vm_status == "ready")
    ends: dict[int, list[tuple[int, str]]] = {}
    for at, plan, service, name in query.order_by(Snapshot.at).limit(_READ).tuples():
        days = plan.get("snapshot_lifetime", 0)
        if days > 0 and (end := at + days * _DAY_MS) > now:
            ends.setdefault(end - end % 60_000, []).append((service, name))
    for end, some in ends.items():
        service, name = some[0]
        about = (
            f"snapshot of {name or service} expires" if len(some) == 1 else f"{len(some)} snapshots expire"
        )
        opens = ScreenTarget("vm", service) if len(some) == 1 else ScreenTarget("vms")
        yield Upcoming(end, about, opens)


def last_change() -> LastChange | None:
    """The newest entry of the audit log."""
    row = Audit.select().order_by(Audit.id.desc()).first()
    if row is None:
        return None
    return LastChange(row.login, row.action, f"{row.kind} {row.object_name or row.object_id}".strip(), row.at)
