"""Addresses that a VM made by somebody else has already: who holds them here, and taking them over.

An address that a pool or the legacy list of the server has on the VM's network is taken out of it; one that
nothing here knows of is written down free-standing, so that a pool made later will not hand it out. An address that
another VM holds is refused. What is written down is what the VM has: prefix and gateway are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.clock import now_ms
from engine.errors import Refused
from engine.ipam import allocate, assignments, sources
from engine.ipam.locks import addresses_of
from engine.ipam.networks import BridgeVlan
from engine.ipam.spec import hands_out, spec_of
from engine.store.fields import Address as IpAddress
from engine.store.models import Address, Pool, Server, Vm

FREE_STANDING = "free-standing: no pool has it"


@dataclass(frozen=True, slots=True)
class FoundAddress:
    """An address as a VM has it."""

    address: IpAddress
    prefix: int
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a found address comes from here; `clash` says why it cannot be taken, empty when it can."""

    address: str
    prefix: int
    gateway: str
    source: str
    clash: str = ""


def places(server: Server, where: BridgeVlan, found: Iterable[FoundAddress]) -> list[Place]:
    """Where each address would come from; nothing is taken."""
    return [_place(server, where, each) for each in found]


def further(
    server: Server, where: BridgeVlan, own: Iterable[FoundAddress], every: Iterable[IpAddress]
) -> list[FoundAddress]:
    """The addresses of a VM that cloud-init does not give it, with prefix and gateway of the pool that has them.

    One that nothing here has gets those of an address of its family that the VM has itself.
    """
    mine = list(own)
    known = {each.address for each in mine}
    return [_further(server, where, mine, each) for each in dict.fromkeys(every) if each not in known]


def _further(server: Server, where: BridgeVlan, own: list[FoundAddress], address: IpAddress) -> FoundAddress:
    try:
        listed = sources.find(server, address, where)
    except Refused:
        beside = next((each for each in own if each.address.version == address.version), None)
        if beside is None:
            return FoundAddress(address, address.max_prefixlen)
        return FoundAddress(address, beside.prefix, beside.gateway)
    return FoundAddress(address, listed.prefix, listed.gateway)


def take(vm: Vm, found: Iterable[FoundAddress]) -> dict[str, str]:
    """Make the VM hold these addresses, the first of them its main one; refused as a whole when one clashes.

    Returns those that were reserved, with their notes: `give_back` reserves them again.
    """
    where = BridgeVlan(vm.bridge, vm.vlan)
    reserved: dict[str, str] = {}
    with addresses_of(vm.server_id):
        for position, each in enumerate(found):
            place = _place(vm.server, where, each)
            if place.clash:
                raise Refused(place.clash)
            row = _row(vm.server, where, each.address)
            if row is not None and row.state == "reserved":
                reserved[place.address] = row.note
            _assign(vm, where, each, position, row)
    return reserved


def give_back(vm: Vm, reserved: Mapping[str, str]) -> None:
    """Undo `take`: what was reserved is reserved again, everything else is free."""
    with addresses_of(vm.server_id):
        for row in allocate.addresses_of_vm(vm):
            note = reserved.get(str(row.address))
            if note is not None:
                Address.update(vm=None, state="reserved", note=note, position=0).where(
                    Address.id == row.id
                ).execute()
        allocate.release(vm)


def _row(server: Server, where: BridgeVlan, address: IpAddress) -> Address | None:
    there = assignments.at(server.id, where.bridge, where.vlan)
    row: Address | None = Address.get_or_none(there & (Address.address == address))
    return row


def _place(server: Server, where: BridgeVlan, each: FoundAddress) -> Place:
    source, clash = _source(server, where, each.address)
    return Place(str(each.address), each.prefix, each.gateway, source, clash)


def _source(server: Server, where: BridgeVlan, address: IpAddress) -> tuple[str, str]:
    """Where an address is listed here, and why it cannot be taken from there."""
    row = _row(server, where, address)
    if row is not None and row.vm_id is not None:
        holder = assignments.named(assignments.holders(Address.id == row.id))
        return (
            "",
            f"The guest has an address that another VM holds here: {holder}. Change one of the two.",
        )
    if row is not None:
        return f"{row.state} in pool {row.pool_id}" if row.pool_id else row.state, ""
    pool_id = _pool_of(server, where, address)
    if pool_id is None:
        return FREE_STANDING, ""
    if pool_id == 0:
        return "the address list of the server", ""
    if not hands_out(spec_of(Pool.get_by_id(pool_id)), address):
        return "", (
            f"Pool {pool_id} never hands out {address}: it is its gateway, excluded, or not a host address. "
            "Remove it from the pool's exclusions, or give the guest another address."
        )
    return f"pool {pool_id}", ""


def _pool_of(server: Server, where: BridgeVlan, address: IpAddress) -> int | None:
    """The pool that has an address on this network, 0 for the legacy list, None when nothing has it."""
    try:
        return sources.find(server, address, where).pool_id or 0
    except Refused:
        return None


def _assign(vm: Vm, where: BridgeVlan, each: FoundAddress, position: int, row: Address | None) -> None:
    own = {"prefix": each.prefix, "gateway": each.gateway, "position": position}
    if row is None and _pool_of(vm.server, where, each.address) is not None:
        row = allocate.assign_specific(vm, each.address)
    if row is None:
        Address.create(
            server=vm.server_id, bridge=where.bridge, vlan=where.vlan, address=each.address, vm=vm.id,
            assigned_at=now_ms(), **own,
        )  # fmt: skip
        return
    fresh = {
        "vm": vm.id,
        "state": "assigned",
        "assigned_at": now_ms(),
        "released_at": None,
        "available_at": None,
    }
    Address.update({**fresh, **own}).where(Address.id == row.id).execute()
