"""What the engine does now, what it did today, and what is pending."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from peewee import fn

from engine.certificates import expiries
from engine.clock import Moment, local_now, now_ms
from engine.queries.attention import ScreenTarget, where
from engine.queries.drifted import drifted
from engine.queries.over_quota import over_quota
from engine.queries.overdue_backups import OverdueBackup
from engine.queries.tokens import SOON_DAYS, expiring
from engine.store.models import DnsRecord, Outbox, Request, Run, Step, Vm
from engine.store.settings import Thresholds, read
from engine.work import task_ledger as ledger

_SHOWN = 4
_MEASURED = 100  # deploys for the average
_MEASURED_MS = 7 * 86_400_000
_EXPIRY_DAYS = 90  # tokens and certificates that are valid for longer are fine
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Busy:
    """A VM that a pipeline is at work on."""

    service_id: int
    name: str
    action: str
    done: int
    """Steps that have ended; those of earlier runs count when `total` is known."""
    step: str
    """The one under way when `total` is known, else the last one that has ended."""
    since: Moment
    total: int = 0
    """Steps of the pipeline; 0: not known yet."""


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
class ExpiringSoon:
    """A token or a certificate that expires within some months; `late`: its threshold is reached."""

    what: str
    name: str
    days: int
    opens: ScreenTarget
    late: bool


def workload(running: int, waiting: int, quick: bool = False) -> Workload:
    """The engine's work; call it inside a session. `quick`: without step totals, unless pipelines are loaded."""
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
        _busy(quick and "engine.pipelines.registry" not in sys.modules),
    )


def _deploy_seconds() -> list[float]:
    """How long the last deploys took, the shortest first."""
    query = Run.select(Run.started_at, Run.finished_at).where(
        Run.finished_at >= now_ms() - _MEASURED_MS, Run.action == "Deploy", Run.result == "success"
    )
    rows = query.order_by(Run.finished_at.desc()).limit(_MEASURED).tuples()
    return sorted((ended - began) / 1000 for began, ended in rows)


def _busy(quick: bool) -> list[Busy]:
    query = Run.select(Run, Vm).join(Vm).where(Run.live == 1, Vm.error == "")
    return [_busy_vm(run, quick) for run in query.order_by(Run.started_at).limit(_SHOWN)]


def _busy_vm(run: Run, quick: bool) -> Busy:
    vm = run.vm
    if not quick:
        from engine.pipelines.registry import catalog  # brings the whole Proxmox client

        name = vm.flow.get("pipeline")
        pipeline = catalog().named(name) if name else catalog().of_status(vm.vm_status)
        if pipeline is not None:
            total = len(pipeline.steps)
            done = min(pipeline.position(vm.vm_status, int(vm.flow.get("reached", 0))), total - 1)
            label = pipeline.steps[done].label
            return Busy(vm.service_id, vm.name, run.action, done, label, run.started_at, total)
    ended = Step.select().where(Step.run == run.id, Step.result.in_(("success", "skip")))
    last = ended.order_by(Step.n.desc()).first()
    label = last.label if last is not None else ""
    return Busy(vm.service_id, vm.name, run.action, ended.count(), label, run.started_at)


def pending(overdue: Sequence[OverdueBackup], tasks: Sequence[ledger.ScheduledTask]) -> list[PendingWork]:
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
    if overdue:
        first = overdue[0]
        said = f"{first.name}: {first.reason}"
        rows.append(
            PendingWork("backups overdue", len(overdue), said, ScreenTarget("vm", first.service_id), True)
        )
    if over := list(over_quota()):
        longest = over[0]
        led_to = "suspended" if longest.suspended else "throttled" if longest.throttled else "client notified"
        opens = ScreenTarget("vm", longest.service_id)
        rows.append(PendingWork("over traffic quota", len(over), f"{longest.name}: {led_to}", opens))
    differ = drifted()
    if differ.total:
        service, words = next(iter(differ.differences.items()))
        name = Vm.select(Vm.name).where(Vm.service == service).scalar() or service
        there = ScreenTarget("vms", filter="is:drifted")
        rows.append(PendingWork("drift", differ.total, f"{name}: {words}", there, True))
    for task in tasks:
        if task.task == "processVirtualMachines":
            continue  # its errors are VMs that need an operator
        there = ScreenTarget("settings", task.task)
        rows.append(PendingWork(f"{task.task} errors", task.errors, "at the last run", there, True))
    return [each for each in rows if each.number]


def expiry() -> Iterator[ExpiringSoon]:
    """The API token and the certificate that expire next, unless that is far away; call it inside a session."""
    now = now_ms()
    for token in expiring(_EXPIRY_DAYS)[:1]:
        assert token.expires_at is not None
        days = (token.expires_at - now) // _DAY_MS
        opens = ScreenTarget("tokens", token.name)
        yield ExpiringSoon("token", token.name, days, opens, days < SOON_DAYS)
    for shown in expiries()[:1]:
        if shown.days_left < _EXPIRY_DAYS:
            limit = read(Thresholds).certificate_days
            yield ExpiringSoon(
                "certificate", shown.server or "API", shown.days_left, where(shown), shown.days_left < limit
            )
