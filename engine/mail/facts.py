"""What a mail may say about a VM. Plain values only: they are kept as sealed JSON until the mail is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.ipam import allocate
from engine.plan import Plan
from engine.store.models import Vm
from engine.traffic.quota import GIB, Quota

TRAFFIC_TEMPLATES = ("traffic_warning", "traffic_exceeded", "traffic_restored")
TEMPLATES = ("welcome", "ready", "password", "restored", "changed", *TRAFFIC_TEMPLATES)
HIDDEN = "********"  # what a preview shows where a password goes
WITH_PASSWORD = frozenset({"ready", "password"})  # the others have no need to carry it


def addresses_of(vm: Vm) -> list[str]:
    """The addresses of a VM as mails show them, the main one first."""
    return [str(row.address) for row in allocate.addresses_of_vm(vm)]


def vm_facts(vm: Vm, plan: Plan, addresses: Sequence[str] = (), password: str = "") -> dict[str, Any]:
    """The facts of a VM as it stands; give the password only for a mail that is to carry it."""
    return {
        "service_id": vm.service_id,
        "vm_id": vm.vmid,
        "name": vm.name,
        "domain": f"{vm.name}.{vm.domain}" if vm.domain else vm.name,
        "server": vm.server.name,
        "product": vm.service.product.name,
        "client": vm.service.client.name,
        "ip": addresses[0] if addresses else "",
        "ips": list(addresses),
        "cores": plan.cores * plan.sockets,
        "memory": plan.memory,
        "disk": plan.system_disk.size,
        "username": vm.os_user,
        "password": password,
    }


def traffic_facts(quota: Quota, used: int, month: str) -> dict[str, str]:
    """What a mail about a traffic quota says besides."""
    return {
        "traffic_month": month,
        "traffic_used": f"{used / GIB:.1f}",
        "traffic_quota": str(quota.gib) if quota.gib else "",
        "traffic_percent": str(quota.percent(used)),
        "traffic_action": quota.action,
        "traffic_rate": str(quota.throttle_mbs),
    }


def sample_facts() -> dict[str, Any]:
    """The facts of a VM that does not exist, to show what a mail looks like."""
    return {
        "service_id": 5546,
        "vm_id": 2002,
        "name": "vm-5546",
        "domain": "vm-5546.example.com",
        "server": "pve-1",
        "product": "VPS-2",
        "client": "Acme",
        "ip": "192.0.2.10",
        "ips": ["192.0.2.10", "2001:db8::10"],
        "cores": 2,
        "memory": 2048,
        "disk": 20,
        "username": "admin",
        "password": HIDDEN,
        **traffic_facts(Quota(100, "both", "notify", 1, 80), 84 * GIB, "2026-04"),
    }
