"""The properties of a VM compared with its product.

fact.same       equal to the product, or the product does not set it
fact.pending    another value takes effect at the next start
fact.drift      it differs even then: applying the product would change it
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.pipelines.steps.disks import GIB, additional_key
from engine.plan import Disk as PlannedDisk
from engine.plan import Plan
from engine.proxmox.codecs import Drive, Limits, Net
from engine.proxmox.guest_values import GuestConfig
from engine.store.models import Vm
from engine.traffic.quota import card_rate

Value = int | float | str | bool | None
Part = Literal["system_disk", "additional_disk"]
LIMITS = ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")


@dataclass(frozen=True, slots=True)
class Fact:
    """One property: its value, that of the product (None: not set), and the one after the next start."""

    name: str
    real: Value
    package: Value  # the value of the product; a field of `vm show --live --json`
    planned: Value
    same: bool
    pending: bool
    drift: bool


def fact(name: str, real: Value, product: Value, planned: Value) -> Fact:
    """The fact of these three values."""
    same = product is None or real == product
    wrong = product is not None and planned != product
    return Fact(name, real, product, planned, same and not wrong, planned != real, wrong)


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A disk: where it is plugged, its volume, its size in GiB and its limits; key and volume empty: not there."""

    part: Part
    key: str
    volume: str
    size: Fact
    limits: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The first network card. Rate in MB/s, 0 is unlimited."""

    model: Fact
    mac: Fact
    rate: Fact
    bridge: Fact
    vlan: Fact
    firewall: Fact


@dataclass(frozen=True, slots=True)
class Drift:
    """Every property of a VM that its product sets."""

    compute: tuple[Fact, ...]
    disks: tuple[DiskFacts, ...]
    card: CardFacts | None

    def facts(self) -> Iterator[Fact]:
        """Every fact, in the order of the steps of a change."""
        yield from self.compute
        for disk in self.disks:
            yield disk.size
            yield from disk.limits
        if self.card is not None:
            card = self.card
            yield from (card.model, card.mac, card.rate, card.bridge, card.vlan, card.firewall)

    @property
    def drift(self) -> tuple[Fact, ...]:
        """The facts that applying the product would change."""
        return tuple(each for each in self.facts() if each.drift)


def compare(vm: Vm, plan: Plan, now: GuestConfig, planned: GuestConfig) -> Drift:
    """A VM as it is and after its next start, compared with its product."""
    return Drift(
        (
            fact("cores", now.cores, plan.cores or None, planned.cores),
            fact("sockets", now.sockets, plan.sockets or None, planned.sockets),
            fact("memory", now.memory_mib, plan.memory or None, planned.memory_mib),
        ),
        tuple(_disks(vm, plan, now, planned)),
        _card(vm, plan, now, planned),
    )


def _disks(vm: Vm, plan: Plan, now: GuestConfig, planned: GuestConfig) -> Iterator[DiskFacts]:
    yield _disk("system_disk", now.system_disk, plan.system_disk, _ours(vm, "system_disk"), now, planned)
    extra = additional_key(now)
    if plan.additional_disk.size > 0:
        ours = _ours(vm, "additional_disk")
        yield _disk("additional_disk", extra, plan.additional_disk, ours, now, planned)
    elif extra is not None:  # a product without one never removes a disk
        yield _disk("additional_disk", extra, PlannedDisk(), frozenset(), now, planned)


def _ours(vm: Vm, part: Part) -> frozenset[str]:
    """The limits that a 0 takes off: those an option sets to 0, and those we have set before."""
    before, options = vm.plan.get(part) or {}, vm.service.options
    return frozenset(name for name in LIMITS if before.get(name) or options.get(f"{part}_{name}") == 0)


def _disk(
    part: Part,
    key: str | None,
    product: PlannedDisk,
    ours: frozenset[str],
    now: GuestConfig,
    planned: GuestConfig,
) -> DiskFacts:
    drive = now.drives[key] if key else Drive.parse("none")
    later = planned.drives.get(key, drive) if key else drive
    limits = tuple(
        fact(
            f"{part}.{name}",
            getattr(drive.limits, name),
            _limit(product, name, ours),
            _of(later.limits, name),
        )
        for name in LIMITS
    )
    return DiskFacts(part, key or "", drive.volume if key else "", _size(part, drive, product, later), limits)


def _of(limits: Limits, name: str) -> float:
    found: float = getattr(limits, name)
    return found


def _limit(product: PlannedDisk, name: str, ours: frozenset[str]) -> int | None:
    wanted: int = getattr(product, name)
    return wanted or (0 if name in ours else None)


def _size(part: Part, drive: Drive, product: PlannedDisk, later: Drive) -> Fact:
    """Disks only grow: one that is larger than that of the product differs, but has not drifted."""
    real, planned = _gib(drive), _gib(later)
    made = fact(f"{part}.size", real, product.size or None, planned)
    larger = made.drift and planned > product.size
    return Fact(made.name, real, made.package, planned, made.same, made.pending, made.drift and not larger)


def _gib(drive: Drive) -> float:
    size = round((drive.size or 0) / GIB, 2)
    return int(size) if size == int(size) else size


def _card(vm: Vm, plan: Plan, now: GuestConfig, planned: GuestConfig) -> CardFacts | None:
    card = now.nets.get("net0")
    if card is None:
        return None
    later = planned.nets.get("net0", card)
    net = plan.network
    wanted: dict[str, Value] = {
        "model": None if net.model == "template" else net.model,
        "mac": vm.mac.upper() or None,
        "rate": card_rate(vm.service_id, net.bandwidth),
        "bridge": vm.bridge or net.bridge,
        "vlan": vm.vlan,
        "firewall": plan.firewall.enable,
    }
    facts = {
        name: fact(f"network.{name}", _property(card, name), product, _property(later, name))
        for name, product in wanted.items()
    }
    return CardFacts(**facts)


def _property(card: Net, name: str) -> Value:
    value: Value = getattr(card, name)
    if isinstance(value, float) and value == int(value):
        return int(value)
    return (value or "").upper() if name == "mac" and (value is None or isinstance(value, str)) else value
