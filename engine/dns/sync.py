"""Brings the DNS of VMs to what it should be: queues the changes, and waits a moment for the senders' answers.

What takes longer is not waited for: it stays queued, and its sender retries it until it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.dns import answers, configured_zones, ledger
from engine.dns.errors import ProviderError, retrying
from engine.dns.expected_records import wanted_records
from engine.dns.plan import ZonePlan, make_plan
from engine.dns.provider import Provider
from engine.dns.records import Record
from engine.dns.sender import CHANNEL, destination_of
from engine.errors import Refused
from engine.ipam.allocate import addresses_of_vm
from engine.store.database import in_transaction, session
from engine.store.models import DnsRecord, Run, Vm, Zone
from engine.work import sending, wake
from engine.work.ports import DnsReport

PATIENCE_S = 3.0
_LOOK_S = 0.25  # how often an answer of another process is looked for
_BY_REQUEST = ("SetDnsRecords", "Set DNS records")
_Wanted = Callable[[Vm, dict[int, Zone]], tuple[dict[int, list[Record]], list[str]]]


class SiteNames:
    """The `Names` port of the pipelines: DNS of this site as its zones are set up. Never raises."""

    def sync(self, vm: Vm) -> DnsReport:
        """Make the records of this VM right."""
        return sync([vm])[vm.id]

    def clear(self, vm: Vm) -> DnsReport:
        """Delete what we wrote for this VM."""
        return clear([vm])[vm.id]


@dataclass(slots=True)
class _Asked:
    """The changes of some VMs: their rows, the zones they are in, and what could not even be named."""

    rows: dict[int, list[DnsRecord]]
    zones: dict[int, Zone]
    faults: dict[int, list[str]] = field(default_factory=dict)
    servers: dict[int, str] = field(default_factory=dict)

    @property
    def all_rows(self) -> list[DnsRecord]:
        """The rows of all VMs."""
        return [row for rows in self.rows.values() for row in rows]


def sync(vms: Sequence[Vm], patience_s: float = PATIENCE_S) -> dict[int, DnsReport]:
    """Make the records of these VMs right; reports what was answered within `patience_s`."""
    return _perform(vms, _wanted_of, patience_s)


def clear(vms: Sequence[Vm], patience_s: float = PATIENCE_S) -> dict[int, DnsReport]:
    """Delete every record we wrote for these VMs; reports what was answered within `patience_s`."""
    return _perform(vms, lambda vm, zones: ({}, []), patience_s)


def _wanted_of(vm: Vm, zones: dict[int, Zone]) -> tuple[dict[int, list[Record]], list[str]]:
    known = [configured_zones.zone_of(row) for row in zones.values()]
    ttl = {row.id: row.ttl for row in zones.values()}
    return wanted_records(vm, addresses_of_vm(vm), known, ttl)


def _perform(vms: Sequence[Vm], wanted_of: _Wanted, patience_s: float) -> dict[int, DnsReport]:
    with session():
        by_request = _by_request(vms)

        def queue() -> _Asked:
            zones = configured_zones.all_zones()
            wanted: dict[int, dict[int, list[Record]]] = {}
            faults: dict[int, list[str]] = {}
            for vm in vms:
                wanted[vm.id], faults[vm.id] = wanted_of(vm, zones)
            asked = _Asked(ledger.request(wanted), zones, faults)
            for zone_id in {row.zone_id for row in asked.all_rows}:
                asked.servers[zone_id] = destination_of(zones[zone_id])
            if by_request:
                sending.retry_now(asked.servers.values())
            if asked.servers:
                wake.notify(CHANNEL)
            return asked

        asked = in_transaction(queue)
        _await(asked, patience_s, by_request)
        return _reports(vms, asked, patience_s)


def _by_request(vms: Sequence[Vm]) -> bool:
    """Whether an operator requested these records: then a server that failed before is tried at once."""
    asked = Run.vm.in_([vm.id for vm in vms]) & (Run.live == 1) & Run.action.in_(_BY_REQUEST)
    return bool(Run.select().where(asked).exists())


def _await(asked: _Asked, patience_s: float, by_request: bool) -> None:
    """Wait until all rows are answered, but not for a server that is known to be silent."""
    end = time.monotonic() + patience_s
    waiting = asked.all_rows
    while True:
        since = answers.seen()
        waiting = ledger.unanswered(waiting)
        if not by_request:
            states = sending.states({asked.servers[row.zone_id] for row in waiting})
            waiting = [row for row in waiting if not states[asked.servers[row.zone_id]].silent]
        left = end - time.monotonic()
        if not waiting or left <= 0:
            return
        answers.wait(since, min(_LOOK_S, left))


def _reports(vms: Sequence[Vm], asked: _Asked, patience_s: float) -> dict[int, DnsReport]:
    states = sending.states(set(asked.servers.values()))
    why = {}
    for zone_id, server in asked.servers.items():
        why[zone_id] = retrying(states[server].error or f"timed out after {patience_s:.0f} s")
    now = ledger.give_up_waiting(asked.all_rows, why)
    reports: dict[int, DnsReport] = {}
    for vm in vms:
        lines: list[str] = []
        errors = len(asked.faults[vm.id])
        for row in sorted(asked.rows[vm.id], key=lambda row: (row.zone_id, row.name, row.type, row.content)):
            said, failed = answers.lines(row, now.get(row.id), asked.zones[row.zone_id])
            lines += said
            errors += failed
        lines += [f"ERR {fault}" for fault in asked.faults[vm.id]]
        reports[vm.id] = DnsReport(tuple(lines), errors)
    return reports


def preview(vm: Vm) -> list[str]:
    """What `sync` would do, one line per record, without doing it."""
    lines: list[str] = []
    with session():
        zones = configured_zones.all_zones()
        wanted, faults = _wanted_of(vm, zones)
        for zone_id in sorted(set(wanted) | {row.zone_id for row in ledger.rows_of([vm.id])}):
            label = configured_zones.zone_of(zones[zone_id]).label
            try:
                provider = configured_zones.provider_of(zones[zone_id])
                try:
                    plan = _plan(provider, zone_id, vm, wanted.get(zone_id, []))
                finally:
                    provider.close()
            except (ProviderError, Refused) as error:
                lines.append(f"? {label}: {error.sentence}")
                continue
            lines += [f"{line} @ {label}" for line in plan.lines()]
    return lines + [f"? {fault}" for fault in faults]


def _plan(provider: Provider, zone_id: int, vm: Vm, wanted: list[Record]) -> ZonePlan:
    rows = ledger.rows_of([vm.id], zone_id)
    names = {record.key for record in wanted} | {(row.name, row.type) for row in rows}
    return make_plan(wanted, provider.read(names), ledger.entries(rows))
