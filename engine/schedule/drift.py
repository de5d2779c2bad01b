"""Notes which VMs differ from what was last applied, from the answer of the cluster that a tick reads anyway.

That answer holds processors, memory and the boot disk of each guest. A VM has drifted when one of them is neither as
last applied nor as the product says now: a product that was changed since is a pending change, not drift. What it
does not hold (limits, network, firewall) is compared on the VM's page.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from engine.clock import now_ms
from engine.counting import counted
from engine.plan import Plan, effective
from engine.proxmox.overview import ClusterOverview
from engine.proxmox.values import Resource
from engine.store import kept
from engine.store.database import session
from engine.store.models import Product, Server, Service, Vm

GIB, MIB = 1024**3, 1024**2
MOST = 2000
"""VMs that are named; more are counted."""
_EVERY_MS = 600_000  # all VMs are compared; those that have drifted at every tick
_SETTLING_MS = 60_000  # the cluster's answer may be older than what a pipeline did a moment ago
_AT_ONCE = 500
_compared: dict[str, int] = {}
_lock = threading.Lock()


def compare(server: Server, overview: ClusterOverview, now: int = 0) -> None:
    """Compare the VMs of a server with its answer and note those that have drifted."""
    now = now or now_ms()
    before = kept.note_of("drift", server.uid)
    with _lock:
        all_of_them = now - _compared.get(server.uid, 0) >= _EVERY_MS
        if all_of_them:
            _compared[server.uid] = now
    known = [int(each) for each in before.get("vms", {})]
    if not all_of_them and not known:
        return
    guests = {each.vmid: each for each in overview.guests if each.kind == "qemu"}
    cpus = {each.name: each.cpus for each in overview.nodes}
    found = dict(_drifted(server.id, guests, cpus, now, None if all_of_them else known))
    total = len(found) if all_of_them else len(found) + before["total"] - len(known)
    vms = {str(service): words for service, words in sorted(found.items())[:MOST]}
    kept.keep("drift", server.uid, {"total": total, "vms": vms} if total else {})


def forget() -> None:
    """Compare every VM at the next tick."""
    with _lock:
        _compared.clear()


def _drifted(
    server_id: int, guests: Mapping[int, Resource], cpus: Mapping[str, int], now: int, only: list[int] | None
) -> Iterator[tuple[int, str]]:
    after = 0
    while True:
        with session():
            rows = list(_page(server_id, now, after, only))
        for row in rows:
            guest = guests.get(row.vmid)
            if words := differences(row, guest, cpus.get(guest.node, 0) if guest else 0):
                yield row.service_id, words
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].id


def _page(server_id: int, now: int, after: int, only: list[int] | None) -> Any:
    """The next idle VMs."""
    query = Vm.select(Vm, Service, Product).join(Service).join(Product)
    query = query.where(Vm.server == server_id, Vm.id > after, Vm.vm_status == "ready", Vm.due_at.is_null())
    query = query.where(Vm.vmid.is_null(False), Vm.error == "", Vm.updated_at < now - _SETTLING_MS)
    if only is not None:
        query = query.where(Vm.service.in_(only))
    return query.order_by(Vm.id).limit(_AT_ONCE)


def differences(vm: Vm, guest: Resource | None, node_cpus: int) -> str:
    """What of a VM is neither as last applied nor as its product says; empty when nothing is."""
    if guest is None:
        return "no VM on the cluster"
    if guest.status not in ("running", "stopped"):
        return ""  # its node does not report
    applied = Plan.from_dict(vm.plan)
    wrong = dict(_wrong(applied, guest, node_cpus))
    if not wrong:
        return ""
    promised = dict(_wrong(effective(vm.service.product.spec, vm.service.options), guest, node_cpus))
    return ", ".join(words for name, words in wrong.items() if name in promised)


def _wrong(plan: Plan, guest: Resource, node_cpus: int) -> Iterator[tuple[str, str]]:
    cores = plan.cores * plan.sockets
    reported = (cores, min(cores, node_cpus))  # Proxmox may report no more than the node has
    if cores and guest.cpus and guest.cpus not in reported:
        yield "cores", f"{counted(guest.cpus, 'cores')} instead of {cores}"
    memory = guest.maxmem // MIB
    if plan.memory and memory and memory != plan.memory:
        yield "memory", f"{memory} MiB of memory instead of {plan.memory}"
    disk = guest.maxdisk // GIB
    if guest.maxdisk and disk < plan.system_disk.size:  # disks only grow: a larger one stays
        yield "disk", f"system disk {disk} GiB instead of {plan.system_disk.size}"
