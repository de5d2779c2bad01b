"""How the site stands, as numbers for a monitor: from the database alone, with a bounded number of series.

Entry point: `gauges() -> list[SiteGauge]`. Labels are statuses, tasks, pools and zones; no series is per
VM or per service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.certificates import expiries
from engine.clock import now_ms
from engine.queries import tokens
from engine.queries.drifted import drifted
from engine.queries.engines import engines
from engine.queries.overdue_backups import overdue_backups
from engine.queries.pools import pools
from engine.queries.vm_list import in_state
from engine.schedule.registry import RETENTION, TASKS
from engine.store.database import session
from engine.store.models import DnsRecord, Outbox, Request, Server, Service, Vm, Zone
from engine.work import task_ledger
from engine.work.requests import OPEN

MOST_ZONES = 200
MOST_POOLS = 500
MOST_TOKENS = 200
MOST_CERTIFICATES = 200
_REQUEST_STATES = ("queued", "running")
_SERVICE_STATES = ("Pending", "Active", "Suspended", "Terminated", "Cancelled")
_TOKEN_DAYS = 3660


@dataclass(frozen=True, slots=True)
class SiteGauge:
    """A metric: its name without the prefix, what it says, its labels, and a value for each combination of them."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Sequence[tuple[tuple[str, ...], float]]


def gauges() -> list[SiteGauge]:
    """Every gauge, read in one session."""
    with session():
        return list(_gauges())


def _gauges() -> Iterator[SiteGauge]:
    yield from _vms()
    yield from _requests()
    yield from _pools()
    yield from _dns()
    yield from _mails()
    overdue = overdue_backups()
    yield _one("backups_overdue", "VMs whose backup schedule has missed a backup.", len(overdue))
    yield from _tasks()
    yield from _engines()
    yield from _servers()
    ends = [(each.name, each.expires_at) for each in tokens.expiring(_TOKEN_DAYS)][:MOST_TOKENS]
    yield _seconds_at("token_expiry_timestamp_seconds", "When an API token expires.", "token", ends)
    shown = [each for each in expiries() if each.server][:MOST_CERTIFICATES]
    yield SiteGauge(
        "certificate_expiry_timestamp_seconds",
        "When the certificate that an API host of a server showed last expires.",
        ("server", "host"),
        [((each.server, each.host), each.expires_at / 1000) for each in shown],
    )


def _one(name: str, about: str, value: float) -> SiteGauge:
    return SiteGauge(name, about, (), [((), float(value))])


def _by(name: str, about: str, label: str, counted: dict[str, int], known: tuple[str, ...] = ()) -> SiteGauge:
    full = {**dict.fromkeys(known, 0), **counted}
    return SiteGauge(name, about, (label,), [((key,), float(value)) for key, value in sorted(full.items())])


def _counts(column: Any, condition: Any = None) -> dict[str, int]:
    query = column.model.select(column, fn.COUNT(1))
    if condition is not None:
        query = query.where(condition)
    return dict(query.group_by(column).tuples())


def _age_s(moment: int | None) -> float:
    return 0.0 if moment is None else max(0.0, (now_ms() - moment) / 1000)


def _vms() -> Iterator[SiteGauge]:
    yield _by("vms", "VMs by the status of their pipeline.", "status", _counts(Vm.vm_status))
    yield _by("services", "Services by status.", "status", _counts(Service.status), _SERVICE_STATES)
    count, oldest = Vm.select(fn.COUNT(1), fn.MIN(Vm.error_since)).where(in_state("stuck")).tuples().first()
    yield _one("vms_stuck", "VMs whose step failed and is being retried, or needs an operator.", count)
    yield _one("vms_stuck_oldest_seconds", "How long the VM that is stuck longest is stuck.", _age_s(oldest))
    yield _one("vms_drifted", "VMs that differ from what was last applied to them.", drifted().total)


def _requests() -> Iterator[SiteGauge]:
    found = _counts(Request.state, Request.state.in_(OPEN))
    yield _by("requests_open", "Requests that have not ended.", "state", found, _REQUEST_STATES)
    oldest = Request.select(fn.MIN(Request.requested_at)).where(Request.state.in_(OPEN)).scalar()
    yield _one("requests_oldest_seconds", "Age of the oldest request that has not ended.", _age_s(oldest))


def _pools() -> Iterator[SiteGauge]:
    found = pools()[:MOST_POOLS]
    for name in ("used", "free"):
        samples = [((each.server, each.start), float(getattr(each, name))) for each in found]
        yield SiteGauge(
            f"pool_addresses_{name}", f"Addresses of a pool that are {name}.", ("server", "pool"), samples
        )


def _dns() -> Iterator[SiteGauge]:
    waiting = DnsRecord.state.in_(("pending", "deleting", "conflict"))
    failed = waiting & (DnsRecord.error != "")
    for name, about, condition in (
        ("dns_changes_pending", "DNS changes that are not written yet.", waiting),
        ("dns_changes_failed", "DNS changes that were refused and are being retried.", failed),
    ):
        rows: Any = (
            Zone.select(Zone.name, fn.COUNT(DnsRecord.id))
            .left_outer_join(DnsRecord, on=(DnsRecord.zone == Zone.id) & condition)
            .group_by(Zone.name)
            .order_by(Zone.name)
            .limit(MOST_ZONES)
        )
        counted: dict[str, int] = dict(rows.tuples())
        yield _by(name, about, "zone", counted)


def _mails() -> Iterator[SiteGauge]:
    found = _counts(Outbox.state, Outbox.state != "sent")
    yield _by("mails", "Mails that are not sent.", "state", found, ("pending", "sending", "failed"))


def _tasks() -> Iterator[SiteGauge]:
    rows = task_ledger.standings((*TASKS, RETENTION))
    last = [(row.task, row.last_run_at) for row in rows]
    yield _seconds_at("task_last_run_timestamp_seconds", "When a scheduled task last ran.", "task", last)
    for name, about in (
        ("errors", "Errors of the last run of a scheduled task."),
        ("seconds", "Seconds the last run of a scheduled task took."),
    ):
        samples = [((row.task,), float(getattr(row, name))) for row in rows]
        yield SiteGauge(f"task_last_run_{name}", about, ("task",), samples)


def _engines() -> Iterator[SiteGauge]:
    found = engines()
    counted: dict[str, int] = {}
    for each in found:
        counted[each.kind] = counted.get(each.kind, 0) + 1
    yield _by("engines", "Engines with a fresh heartbeat.", "kind", counted, ("console", "cron", "daemon"))
    newest = max((each.heartbeat_at for each in found), default=None)
    yield _seconds_at(
        "engine_heartbeat_timestamp_seconds", "The newest heartbeat of any engine.", "", [("", newest)]
    )


def _servers() -> Iterator[SiteGauge]:
    rows = list(Server.select(Server.name, Server.failures, Server.last_ok_at).order_by(Server.name))
    failures = [((row.name,), float(row.failures)) for row in rows]
    yield SiteGauge("server_failures", "Calls in a row that never reached a server.", ("server",), failures)
    answered = [(row.name, row.last_ok_at) for row in rows]
    yield _seconds_at("server_last_ok_timestamp_seconds", "When a server last answered.", "server", answered)


def _seconds_at(name: str, about: str, label: str, moments: list[tuple[str, int | None]]) -> SiteGauge:
    labels = (label,) if label else ()
    return SiteGauge(
        name, about, labels, [((key,) if label else (), at / 1000) for key, at in moments if at is not None]
    )
