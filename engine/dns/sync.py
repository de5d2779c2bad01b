"""Brings the DNS of machines to what it shall be: read, compare, write only the difference, keep the ledger.

Requests for zones of one server that come at the same time are done as one batch, and one writer at a time
works at a server, in this process by a lock and among processes by a lease in the database.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.dns import ledger, site
from engine.dns.errors import ProviderError
from engine.dns.names import is_reverse
from engine.dns.plan import Change, ChangeKind, Plan, make_plan
from engine.dns.provider import Provider, Result
from engine.dns.records import Record
from engine.dns.wanted import wanted_records
from engine.errors import KvmtuiError, Refused
from engine.ipam.allocate import addresses_of_vm
from engine.store.database import session
from engine.store.models import Vm, Zone
from engine.work.leases import hold, let_go
from engine.work.ports import DnsReport

log = logging.getLogger(__name__)
LEASE_MS = 120_000
PATIENCE_S = 45.0
ME = f"{socket.gethostname()}:{uuid.uuid4().hex[:8]}"


@dataclass(slots=True)
class Job:
    """What one machine wants of one zone, and what became of it."""

    vm_id: int
    zone_id: int
    wanted: list[Record]
    lines: list[str] = field(default_factory=list)
    errors: int = 0
    done: bool = False


@dataclass(slots=True)
class _Desk:
    """The work that waits for one server."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: list[Job] = field(default_factory=list)


_desks: dict[str, _Desk] = defaultdict(_Desk)
_desks_lock = threading.Lock()


class SiteNames:
    """The `Names` port of the pipelines: DNS of this site as its zones are set up. Never raises."""

    def sync(self, vm: Vm) -> DnsReport:
        """Make the records of this VM right."""
        return sync([vm])[vm.id]

    def clear(self, vm: Vm) -> DnsReport:
        """Delete what we wrote for this VM."""
        return clear([vm])[vm.id]


def sync(vms: Sequence[Vm]) -> dict[int, DnsReport]:
    """Make the records of these machines right, in one batch per zone."""
    with session():
        zones = site.all_zones()
        known = [site.zone_of(row) for row in zones.values()]
        ttl = {row.id: row.ttl for row in zones.values()}
        jobs: list[Job] = []
        faults: dict[int, list[str]] = {}
        for vm in vms:
            wanted, faults[vm.id] = wanted_records(vm, addresses_of_vm(vm), known, ttl)
            touched = set(wanted) | {row.zone_id for row in ledger.rows_of([vm.id])}
            jobs += [Job(vm.id, zone_id, wanted.get(zone_id, [])) for zone_id in sorted(touched)]
        _perform(jobs, zones)
    return _reports(vms, jobs, faults)


def clear(vms: Sequence[Vm]) -> dict[int, DnsReport]:
    """Delete every record we wrote for these machines."""
    with session():
        zones = site.all_zones()
        jobs = [
            Job(vm.id, zone_id, [])
            for vm in vms
            for zone_id in sorted({row.zone_id for row in ledger.rows_of([vm.id])})
        ]
        _perform(jobs, zones)
    return _reports(vms, jobs, {})


def preview(vm: Vm) -> list[str]:
    """What `sync` would do, one line per record, without doing it."""
    lines: list[str] = []
    with session():
        zones = site.all_zones()
        ttl = {row.id: row.ttl for row in zones.values()}
        known = [site.zone_of(row) for row in zones.values()]
        wanted, faults = wanted_records(vm, addresses_of_vm(vm), known, ttl)
        for zone_id in sorted(set(wanted) | {row.zone_id for row in ledger.rows_of([vm.id])}):
            label = site.zone_of(zones[zone_id]).label
            try:
                provider = site.provider_of(zones[zone_id])
                try:
                    plan = _plan(provider, zone_id, [vm.id], wanted.get(zone_id, []))
                finally:
                    provider.close()
            except (ProviderError, Refused) as error:
                lines.append(f"? {label}: {_said(error)}")
                continue
            lines += [f"{line} @ {label}" for line in plan.lines()]
    return lines + [f"? {fault}" for fault in faults]


def _reports(vms: Sequence[Vm], jobs: Iterable[Job], faults: dict[int, list[str]]) -> dict[int, DnsReport]:
    lines: dict[int, list[str]] = defaultdict(list)
    errors: dict[int, int] = defaultdict(int)
    for job in jobs:
        lines[job.vm_id] += job.lines
        errors[job.vm_id] += job.errors
    for vm_id, said in faults.items():
        lines[vm_id] += [f"ERR {text}" for text in said]
        errors[vm_id] += len(said)
    return {vm.id: DnsReport(tuple(lines[vm.id]), errors[vm.id]) for vm in vms}


def _perform(jobs: list[Job], zones: dict[int, Zone]) -> None:
    """Hand jobs to the desks of their servers and see to it that all are done."""
    by_server: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_server[_server_key(zones[job.zone_id])].append(job)
    for key, mine in by_server.items():
        with _desks_lock:
            desk = _desks[key]
            desk.waiting += mine
        with desk.lock:
            if all(job.done for job in mine):
                continue  # whoever had the desk did ours with theirs
            with _desks_lock:
                batch, desk.waiting = desk.waiting, []
            _at_server(key, batch, zones)


def _server_key(row: Zone) -> str:
    """What has one writer at a time: a PowerDNS or HestiaCP server; at Cloudflare the zone."""
    zone = site.zone_of(row)
    return f"{zone.provider}:{zone.server if zone.provider != 'cloudflare' else row.endpoint}"


def _at_server(key: str, batch: list[Job], zones: dict[int, Zone]) -> None:
    name = f"dns:{key}"
    try:
        if not _held(name):
            _all_failed(
                batch, zones, "another process has been writing to this server for long; it is tried again"
            )
            return
        by_zone: dict[int, list[Job]] = defaultdict(list)
        for job in batch:
            by_zone[job.zone_id].append(job)
        for zone_id, jobs in by_zone.items():
            _in_zone(zones[zone_id], jobs)
    except Exception as error:
        log.exception("DNS work at %s broke", key)
        _all_failed(
            [job for job in batch if not job.done], zones, f"a fault of kvmtui ({type(error).__name__})"
        )
    finally:
        let_go(name, ME)
        for job in batch:
            job.done = True


def _held(name: str) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not hold(name, ME, LEASE_MS):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _all_failed(jobs: Iterable[Job], zones: dict[int, Zone], why: str) -> None:
    for job in jobs:
        _failed(job, zones[job.zone_id], why)


def _failed(job: Job, row: Zone, why: str) -> None:
    """The zone could not be looked at: everything wanted of it is debt."""
    ledger.owe(row.id, job.vm_id, job.wanted, why)
    label = site.zone_of(row).label
    kind = "rev" if is_reverse(row.name) else "fwd"
    names = [f"{record.name} {record.type}" for record in job.wanted] or ["deletion"]
    job.lines += [f"{kind} ERR {name} @ {label}: {why}" for name in names]
    job.errors += len(names)
    job.done = True


def _in_zone(row: Zone, jobs: list[Job]) -> None:
    """One read and one write for everything that is wanted of a zone."""
    wanted = [record for job in jobs for record in job.wanted]
    owner = {record.identity: job.vm_id for job in jobs for record in job.wanted}
    vm_ids = [job.vm_id for job in jobs]
    ledger.doom(row.id, vm_ids, wanted)
    provider: Provider | None = None
    try:
        provider = site.provider_of(row)
        plan = _plan(provider, row.id, vm_ids, wanted)
        ledger.about_to_send(row.id, owner, plan.writes)
        results = provider.apply(plan.writes)
        ledger.keep_results(row.id, owner, results)
    except (ProviderError, KvmtuiError) as error:
        for job in jobs:
            _failed(job, row, _said(error))
        return
    finally:
        if provider is not None:
            provider.close()
    _settle(row, plan, owner)
    _tell(row, jobs, plan, results)


def _plan(provider: Provider, zone_id: int, vm_ids: Sequence[int], wanted: list[Record]) -> Plan:
    rows = ledger.rows_of(vm_ids, zone_id)
    names = {record.key for record in wanted} | {(row.name, row.type) for row in rows}
    return make_plan(wanted, provider.read(names), ledger.entries(rows))


def _settle(row: Zone, plan: Plan, owner: dict[tuple[str, str, str], int]) -> None:
    """What needed no writing is written down too: records that stand, records that are gone, conflicts."""
    for change in plan.changes:
        vm_id = owner.get(change.record.identity)
        if vm_id is None:
            continue
        if change.kind is ChangeKind.KEEP and change.ours:
            found = change.old.id if change.old else ""
            ledger.keep_results(row.id, owner, [Result(change, True, id=found)])
        elif change.kind is ChangeKind.CONFLICT:
            ledger.conflict(row.id, vm_id, change.record, change.reason)
        elif change.kind is ChangeKind.KEEP:
            ledger.forget(row.id, [change.record])  # somebody else's record says it already: no debt
    ledger.forget(row.id, [entry.record for entry in plan.gone])


def _tell(row: Zone, jobs: list[Job], plan: Plan, results: Sequence[Result]) -> None:
    """Give each machine the lines about its own records."""
    label = site.zone_of(row).label
    kind = "rev" if is_reverse(row.name) else "fwd"
    failed = {
        (result.change.kind, result.change.record.identity): result for result in results if not result.ok
    }
    doomed = {
        ledger.record_of(one).identity: one.vm_id for one in ledger.rows_of([j.vm_id for j in jobs], row.id)
    }
    mine = {job.vm_id: job for job in jobs}
    owner = {record.identity: job for job in jobs for record in job.wanted}
    for change in plan.changes:
        job = owner.get(change.record.identity) or mine.get(doomed.get(change.record.identity, -1)) or jobs[0]
        line, bad = _line(kind, label, change, failed.get((change.kind, change.record.identity)))
        if line:
            job.lines.append(line)
            job.errors += bad
    for job in jobs:
        job.done = True


def _line(kind: str, label: str, change: Change, failed: Result | None) -> tuple[str, bool]:
    record = change.record
    short = f"{record.name} {record.type}"
    if failed is not None:
        return f"{kind} ERR {short} @ {label}: {failed.sentence}", True
    if change.kind is ChangeKind.CONFLICT:
        return f"{kind} ERR {short} @ {label}: {change.reason}", True
    if change.kind is ChangeKind.FOREIGN:
        return f"{kind} !   {record} @ {label}: {change.reason}", False
    verb = {ChangeKind.DELETE: " deleted", ChangeKind.KEEP: ""}.get(change.kind, "")
    return f"{kind} OK  {record} @ {label}{verb}", False


def _said(error: Exception) -> str:
    return getattr(error, "sentence", "") or str(error)
