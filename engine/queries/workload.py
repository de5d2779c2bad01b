"""What the engine does now, what it did today, what is pending and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from peewee import fn

from engine.clock import Moment, local, local_now, now_ms
from engine.queries.attention import ScreenTarget
from engine.queries.overdue_backups import BackupDebt, first_due
from engine.queries.quota import over_quota
from engine.store.models import Audit, BackupSchedule, DnsRecord, Outbox, Request, Run, Service, Step, Vm
from engine.work import task_ledger as ledger

_SHOWN = 4
_MEASURED = 100  # deploys for the average
_MEASURED_MS = 7 * 86_400_000
_OFTEN_MINUTES = 15  # tasks that run more often are not news


@dataclass(frozen=True, slots=True)
class Busy:
    """A VM that a pipeline is at work on."""

    service_id: int
    name: str
    action: str
    done: int
    """Steps that have ended."""
    step: str
    """The last one that has ended, or what is waited for."""
    since: Moment


@dataclass(frozen=True, slots=True)
class Workload:
    """What the engine does now, and how today went."""

    running: int = 0
    waiting: int = 0
    queued: int = 0
    done_today: int = 0
    failed_today: int = 0
    deploy_mean_s: float | None = None
    deploy_p95_s: float | None = None
    busy: list[Busy] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PendingWork:
    """Something that is still to be done, and the screen that shows it."""

    what: str
    number: int
    detail: str
    opens: ScreenTarget
    late: bool = False


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


def workload(running: int, waiting: int) -> Workload:
    """The engine's work; call it inside a session."""
    midnight = int(local_now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    today = Run.finished_at >= midnight
    failed = Run.select(fn.COUNT(Run.vm.distinct())).where(today, Run.result == "error").scalar()
    seconds = _deploy_seconds()
    return Workload(
        running,
        waiting,
        Request.select().where(Request.state == "queued").count(),
        Run.select().where(today, Run.result == "success").count(),
        int(failed or 0),
        round(sum(seconds) / len(seconds), 1) if seconds else None,
        seconds[-(-95 * len(seconds) // 100) - 1] if seconds else None,
        _busy(),
    )


def _deploy_seconds() -> list[float]:
    """How long the last deploys took, the shortest first."""
    query = Run.select(Run.started_at, Run.finished_at).where(
        Run.finished_at >= now_ms() - _MEASURED_MS, Run.action == "Deploy", Run.result == "success"
    )
    rows = query.order_by(Run.finished_at.desc()).limit(_MEASURED).tuples()
    return sorted((ended - began) / 1000 for began, ended in rows)


def _busy() -> list[Busy]:
    query = Run.select(Run, Vm).join(Vm).where(Run.live == 1, Vm.error == "")
    found = []
    for run in query.order_by(Run.started_at).limit(_SHOWN):
        ended = Step.select().where(Step.run == run.id, Step.result.in_(("success", "skip")))
        last = ended.order_by(Step.n.desc()).first()
        step = last.label if last is not None else ""
        vm = run.vm
        found.append(Busy(vm.service_id, vm.name, run.action, ended.count(), step, run.started_at))
    return found


def pending(owed: Sequence[BackupDebt], tasks: Sequence[ledger.ScheduledTask]) -> list[PendingWork]:
    """What is still to be done; nothing that is at zero."""
    dns = DnsRecord.select().where(DnsRecord.state.in_(("pending", "deleting", "conflict")))
    mails = Outbox.select().where(Outbox.state.in_(("pending", "sending"))).count()
    late = dns.where(DnsRecord.error != "").order_by(DnsRecord.updated_at).first()
    rows = [
        PendingWork(
            "DNS",
            dns.count(),
            late.error if late is not None else "",
            ScreenTarget("zones"),
            late is not None,
        ),
        PendingWork("mail", mails, "", ScreenTarget("outbox")),
    ]
    if owed:
        first = owed[0]
        said = f"{first.name}: {first.reason}"
        rows.append(
            PendingWork("backups overdue", len(owed), said, ScreenTarget("vm", first.service_id), True)
        )
    if over := list(over_quota()):
        longest = over[0]
        led_to = "suspended" if longest.suspended else "throttled" if longest.throttled else "client notified"
        opens = ScreenTarget("vm", longest.service_id)
        rows.append(PendingWork("over traffic quota", len(over), f"{longest.name}: {led_to}", opens))
    for task in tasks:
        if task.task == "processVirtualMachines":
            continue  # its errors are VMs that need an operator
        there = ScreenTarget("settings", task.task)
        rows.append(PendingWork(f"{task.task} errors", task.errors, "at the last run", there, True))
    return [each for each in rows if each.number]


def upcoming(tasks: Sequence[ledger.ScheduledTask], most: int = 3) -> list[Upcoming]:
    """What the schedule does next, the soonest first."""
    return sorted([*_tasks(tasks), *_backups()], key=lambda each: each.at)[:most]


def _tasks(tasks: Sequence[ledger.ScheduledTask]) -> Iterator[Upcoming]:
    names = {"collectingStatistics": "statistics"}
    for each in tasks:
        if each.interval_minutes >= _OFTEN_MINUTES and each.next_run_at is not None and each.last_run_at:
            yield Upcoming(
                each.next_run_at, names.get(each.task, each.task), ScreenTarget("settings", each.task)
            )


def _backups() -> Iterator[Upcoming]:
    """The next backups by schedule; schedules of the same days and minute are one line."""
    now, zone = now_ms(), local(0).tzinfo
    query: Any = (
        BackupSchedule.select(BackupSchedule.days, BackupSchedule.minute, fn.COUNT(BackupSchedule.id))
        .join(Vm)
        .join(Service)
        .where(Service.status == "Active", Vm.vm_status == "ready")
        .group_by(BackupSchedule.days, BackupSchedule.minute)
    )
    counts: dict[int, int] = {}
    for days, minute, count in query.tuples():
        due = first_due(days, minute, now, zone)
        if due is not None:
            counts[due] = counts.get(due, 0) + count
    for due, count in counts.items():
        yield Upcoming(due, f"{count} backup{'' if count == 1 else 's'}", ScreenTarget("vms"))


def last_change() -> LastChange | None:
    """The newest entry of the audit log."""
    row = Audit.select().order_by(Audit.id.desc()).first()
    if row is None:
        return None
    return LastChange(row.login, row.action, f"{row.kind} {row.object_name or row.object_id}".strip(), row.at)
