"""The effective plan of a service: its product with the service's own options over it.

A plan is a value. The one a VM was last made or changed to is kept with the VM, so that what a change would
do is the difference of two plans.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

_LIMITS = ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")


@dataclass(frozen=True, slots=True)
class Network:
    """The card and how many addresses. 0 MB/s is unlimited."""

    model: str = "template"
    bandwidth: int = 0
    bridge: str = "vmbr0"
    vlan: int = 0
    auto_bridge: bool = True
    ipv4: int = 1
    ipv6: int = 0
    dhcp4: bool = False
    dhcp6: bool = False

    @property
    def ipv4_wanted(self) -> int:
        """How many IPv4 addresses to allocate: none with DHCP, where the address is unknown."""
        return 0 if self.dhcp4 else self.ipv4

    @property
    def ipv6_wanted(self) -> int:
        """How many IPv6 addresses to allocate: none with DHCP."""
        return 0 if self.dhcp6 else self.ipv6


@dataclass(frozen=True, slots=True)
class Firewall:
    """The VM's firewall options and policies."""

    enable: bool = True
    policy_in: str = "ACCEPT"
    policy_out: str = "ACCEPT"
    log_in: str = "nolog"
    log_out: str = "nolog"
    dhcp: bool = True
    ndp: bool = True
    radv: bool = False
    macfilter: bool = True
    ipfilter: bool = False
    antispoof: bool = True


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk. Size in GiB, limits per second; storage empty: the template's, or the system disk's."""

    storage: str = ""
    size: int = 0
    mbps_rd: int = 0
    mbps_wr: int = 0
    iops_rd: int = 0
    iops_wr: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a VM is made from."""

    template: int | str = 0
    target_node: str = "auto"
    clone: str = "linked"
    first_vmid: int = 100
    name_rule: str = "{client_id}-{service_id}"
    main_domain: str = ""
    cores: int = 1
    sockets: int = 1
    memory: int = 1024
    os_user: str = ""
    ssh_keys: tuple[str, ...] = ()
    snapshots: int = 0
    snapshot_lifetime: int = 0
    backups: int = 0
    backup_storage: str = ""
    iso_storage: str = ""
    cd_drive: bool = True
    traffic_gib: int = 0
    traffic_counts: str = "both"
    traffic_action: str = "notify"
    traffic_throttle_mbs: int = 1
    traffic_warn: int = 80
    network: Network = field(default_factory=Network)
    firewall: Firewall = field(default_factory=Firewall)
    system_disk: Disk = field(default_factory=Disk)
    additional_disk: Disk = field(default_factory=Disk)
    emails: Mapping[str, bool] = field(default_factory=dict)
    permissions: Mapping[str, bool] = field(default_factory=dict)
    offered_templates: tuple[int | str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON holds it; `from_dict` reads it back."""
        listed = {"ssh_keys": list(self.ssh_keys), "offered_templates": list(self.offered_templates)}
        return dataclasses.asdict(self) | listed

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """The plan of these values; what is missing has its default, what is unknown is left out."""
        known = {name: values[name] for name in _names(cls) if name in values}
        for name, part in _PARTS.items():
            if name in known:
                known[name] = part(**{key: known[name][key] for key in _names(part) if key in known[name]})
        for name in ("ssh_keys", "offered_templates"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)


_PARTS: dict[str, Any] = {
    "network": Network,
    "firewall": Firewall,
    "system_disk": Disk,
    "additional_disk": Disk,
}


_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(part.name for part in dataclasses.fields(kind)) for kind in (Plan, *set(_PARTS.values()))
}


def _names(kind: type) -> tuple[str, ...]:
    return _FIELDS[kind]


# the traffic quota: counted by the statistics and enforced by them, so a change counts without change-package
TRAFFIC = ("traffic_gib", "traffic_counts", "traffic_action", "traffic_throttle_mbs", "traffic_warn")

# where each option of a service goes in the plan
OPTION_PATHS: dict[str, tuple[str, ...]] = {
    "cores": ("cores",),
    "memory": ("memory",),
    "template": ("template",),
    "backups": ("backups",),
    "snapshots": ("snapshots",),
    "bandwidth": ("network", "bandwidth"),
    "ipv4": ("network", "ipv4"),
    "ipv6": ("network", "ipv6"),
    "system_disk": ("system_disk", "size"),
    "additional_disk": ("additional_disk", "size"),
    **{name: (name,) for name in TRAFFIC},
    **{f"{disk}_{limit}": (disk, limit) for disk in ("system_disk", "additional_disk") for limit in _LIMITS},
}

# options that change nothing in the VM itself: what it may have, and what it is made from the next time
AT_ONCE = ("template", "backups", "snapshots", *TRAFFIC)


def effective(product_spec: Mapping[str, Any], options: Mapping[str, Any]) -> Plan:
    """The product with the options over it; an explicit 0 overrides, an absent or None option does not."""
    plan = Plan.from_dict(product_spec)
    for option, value in options.items():
        path = OPTION_PATHS.get(option)
        if path is not None and value is not None:
            plan = _with(plan, path, value)
    return plan


def _with(plan: Plan, path: tuple[str, ...], value: Any) -> Plan:
    if len(path) == 1:
        return dataclasses.replace(plan, **{path[0]: value})
    part = dataclasses.replace(getattr(plan, path[0]), **{path[1]: value})
    return dataclasses.replace(plan, **{path[0]: part})


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One thing change-package would alter in the VM, and whether only a stopped VM takes it."""

    field: str
    old: Any
    new: Any
    needs_stop: bool


# what change-package applies; everything else is read when it is used, or at the next (re)install
_APPLIED = ("cores", "sockets", "memory", "cd_drive")
_APPLIED_PARTS: tuple[Literal["system_disk", "additional_disk", "network", "firewall"], ...] = (
    "system_disk",
    "additional_disk",
    "network",
    "firewall",
)
_NEEDS_STOP = frozenset(
    {"cores", "sockets", "memory", "cd_drive", "network.model", "additional_disk.storage"}
)


def differences(old: Plan, new: Plan) -> list[PlanChange]:
    """What change-package from one plan to the other would alter, in the order of its steps."""
    return [
        PlanChange(name, before, after, name in _NEEDS_STOP)
        for name, before, after in _pairs(old, new)
        if before != after
    ]


def _pairs(old: Plan, new: Plan) -> Iterator[tuple[str, Any, Any]]:
    for name in _APPLIED:
        yield name, getattr(old, name), getattr(new, name)
    for part in _APPLIED_PARTS:
        before, after = getattr(old, part), getattr(new, part)
        for name in _names(type(before)):
            yield f"{part}.{name}", getattr(before, name), getattr(after, name)
