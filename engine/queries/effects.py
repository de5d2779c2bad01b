"""What a change of product or options would do, shown before it is done.

Entry point: `effects_of(service_id, product, options) -> list[Effect]`, in the order in which a change goes through
it. What would change comes from the plans (`engine.plan.differences`); here is added what an operator has to know
of each: when it takes effect, whether only a stopped VM takes it, and whether it can be undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.actions.packages import plans
from engine.plan import AT_ONCE, TRAFFIC, Plan, PlanChange, differences
from engine.scope import EVERYTHING, Scope

When = Literal["change", "at once", "reinstall", "never"]
"""With change-package, as soon as it is saved, with the next (re)install, or not at all."""

RESTARTS = "Changing the product shuts the VM down and starts it again, whatever changes."

_GROWS = "a disk can never be made smaller again"
_STAYS = "stays as it is: disks only grow"
_KEPT = "the disk is kept, with its data"
_MADE = "a disk is created; no later change-package removes it"
_NOT_MOVED = "a change moves no disk to another storage"
_LEFT = "stays as it is: the product does not set it"
_GIVEN_UP = "released addresses may be assigned to another VM"
_POOL_DECIDES = "no effect while the pool decides the network"
_ALLOWED = ("snapshots", "snapshot_lifetime", "backups", "backup_storage", "iso_storage")


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that would change: from, to, when, how, and whether there is a way back."""

    field: str
    old: Any
    new: Any
    when: When
    needs_stop: bool
    lasting: bool
    """It cannot be undone by another change-package."""
    note: str


def effects_of(
    service_id: int,
    product: str = "",
    options: Mapping[str, Any] | None = None,
    scope: Scope = EVERYTHING,
) -> list[Effect]:
    """What giving a service this product and these options would do; without either, what is pending."""
    old, new = plans(service_id, product, options, scope)
    return [*(_effect(each, old, new) for each in differences(old, new)), *_allowances(old, new, product)]


def _effect(each: PlanChange, old: Plan, new: Plan) -> Effect:
    when, lasting, note = _judged(each, old, new)
    stop = each.needs_stop and when == "change"
    return Effect(each.field, each.old, each.new, when, stop, lasting, note)


def _judged(each: PlanChange, old: Plan, new: Plan) -> tuple[When, bool, str]:
    part, _, name = each.field.partition(".")
    if part == "additional_disk":
        return _additional(each, name, old, new)
    if part == "system_disk":
        return _disk(each, name)
    if part == "network":
        return _network(each, name, old, new)
    return ("never", False, _LEFT) if each.new == 0 and not name else ("change", False, "")


def _disk(each: PlanChange, name: str) -> tuple[When, bool, str]:
    if name == "storage":
        return "reinstall", False, _NOT_MOVED
    if name != "size":
        return "change", False, ""
    if each.new == 0:
        return "never", False, _LEFT
    return ("never", False, _STAYS) if each.new < each.old else ("change", True, _GROWS)


def _additional(each: PlanChange, name: str, old: Plan, new: Plan) -> tuple[When, bool, str]:
    if new.additional_disk.size == 0:
        return "never", False, _KEPT if old.additional_disk.size else "the product has no additional disk"
    if old.additional_disk.size == 0:
        return "change", name == "size", _MADE if name == "size" else ""
    return _disk(each, name)


def _network(each: PlanChange, name: str, old: Plan, new: Plan) -> tuple[When, bool, str]:
    if name == "model" and each.new == "template":
        return "never", False, _LEFT
    if name in ("bridge", "vlan"):
        return ("never", False, _POOL_DECIDES) if new.network.auto_bridge else ("change", True, _GIVEN_UP)
    fewer = name in ("ipv4", "ipv6") and each.new < each.old
    unknown = name in ("dhcp4", "dhcp6") and each.new and getattr(old.network, f"ipv{name[-1]}")
    return ("change", True, _GIVEN_UP) if fewer or unknown else ("change", False, "")


def _allowances(old: Plan, new: Plan, product: str) -> Iterator[Effect]:
    """What a VM may have: an option counts at once, another product with the change, the quota at once."""
    for name in ("template", *_ALLOWED, *TRAFFIC):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            at_once = name in TRAFFIC or (name in AT_ONCE and not product)
            when: When = "at once" if at_once else "change"
            if name == "template":
                when = "reinstall"
            yield Effect(name, before, after, when, needs_stop=False, lasting=False, note="")
