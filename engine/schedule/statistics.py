"""collectingStatistics: bytes in and out per VM and hour, right through stops, moves and missed hours.

One request per server reads the counters of all its guests. Only where they began again, or a gap reaches over the end
of a month, the usage that Proxmox recorded of that guest is requested as well. What is added and the mark that says
how far was counted are one transaction per few hundred VMs, so the task may end anywhere and continue at its next tick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from engine.actions import traffic_quota
from engine.clock import now_ms
from engine.errors import Failed, KvmtuiError
from engine.proxmox.faults import ProxmoxError
from engine.proxmox.guest_view import GuestView
from engine.proxmox.values import Resource
from engine.store.database import session
from engine.store.models import Server
from engine.traffic import counters
from engine.traffic.counters import CountedVm
from engine.traffic.hourly_bytes import CounterChange, CounterReading, counter_change
from engine.traffic.sampling import sample
from engine.work import servers
from engine.work.task import TaskReport, TaskResources

_TOGETHER = 200
_ACTION = "collect_statistics"
_TOO_SOON_MS = 60_000  # the overview may be older than such a recent reading


def run(resources: TaskResources, clock: Callable[[], int] = now_ms) -> TaskReport:
    """Read the counters of every VM once, then enforce the traffic quotas, whatever could be read."""
    report = TaskReport()
    for server in _servers():
        vms = counters.counted_vms(server.id)
        if vms and resources.keep_going():
            _collect(resources, server, vms, clock, report)
    traffic_quota.enforce_all(clock(), report, resources.keep_going)
    return report


def _servers() -> list[Server]:
    with session():
        return list(Server.select().where(Server.state == "enabled").order_by(Server.id))


def _collect(
    resources: TaskResources,
    server: Server,
    vms: list[CountedVm],
    clock: Callable[[], int],
    report: TaskReport,
) -> None:
    try:
        seen = _guests(resources, server)
    except KvmtuiError as error:
        report.add(vms[0].service_id, _ACTION, error.sentence)
        report.count(len(vms) - 1, errors=len(vms) - 1)
        return
    at = clock()
    cluster = resources.servers.cluster(server)
    found = (
        sample(GuestView(cluster, one.vmid, one.node), one, reading)
        for one, reading in _to_count(vms, seen, at)
    )
    while some := list(islice(found, _TOGETHER)):
        report.count(counters.keep(some))
        if not resources.keep_going():
            return


def _guests(resources: TaskResources, server: Server) -> dict[int, Resource]:
    """Every guest of a server by its number, in one request; a server that is away is not asked."""
    with session():
        if why := servers.why_not(server):
            raise Failed(f"The counters were not read: {why}.")
        try:
            rows = resources.servers.cluster(server).resources()
        except ProxmoxError as error:
            servers.missed(server, error)
            raise
        servers.reached(server)
    return {row.vmid: row for row in rows if row.kind == "qemu"}


def _to_count(
    vms: list[CountedVm], seen: dict[int, Resource], at: int
) -> Iterable[tuple[CountedVm, CounterReading]]:
    """The VMs whose counters are known and newer than their last reading.

    A guest on a node that is away is `unknown`, and counted when the node is back.
    """
    for vm in vms:
        row = seen.get(vm.vmid)
        if row is None or row.status not in ("running", "stopped"):
            continue
        reading = _reading(row, at)
        if vm.known and 0 <= at - vm.last.at < _TOO_SOON_MS:
            continue
        if counter_change(vm.last, reading) is not CounterChange.STALE:
            yield replace(vm, node=row.node), reading


def _reading(row: Resource, at: int) -> CounterReading:
    if row.status != "running":
        return CounterReading(at, 0, 0, 0)
    return CounterReading(at, row.net_in, row.net_out, row.uptime)
