"""Gives a VM the addresses its plan asks for, and releases what it must no longer have.

Looked at first is what the VM holds; only the difference is taken or released, so running it twice
changes nothing. A VM has one network card, so all its addresses come from one bridge and VLAN. Either the
VM gets everything it lacks or nothing changes. Every function joins the caller's transaction when there is
one: a step and its addresses are committed together.
"""

from __future__ import annotations

from dataclasses import dataclass

from peewee import IntegrityError

from engine.clock import now_ms
from engine.errors import Failed, Refused
from engine.ipam import assignments, ranges, sources
from engine.ipam.locks import addresses_of
from engine.ipam.networks import BridgeVlan, network
from engine.ipam.refusal import NoAddress
from engine.ipam.sources import Allocation
from engine.ipam.spans import parse_address, span
from engine.ipam.spec import hands_out, spec_of
from engine.store.compiled import Compiled
from engine.store.fields import Address as IpAddress
from engine.store.models import Address, Pool, Vm

__all__ = [
    "NoAddress",
    "Want",
    "addresses_of_vm",
    "allocate",
    "assign_specific",
    "fitting",
    "release",
    "sweep_quarantine",
]


@dataclass(frozen=True, slots=True)
class Want:
    """What a plan asks for. With DHCP the address is unknown, so none is allocated for that family."""

    ipv4: int = 1
    ipv6: int = 0
    auto_bridge: bool = True
    bridge: str = ""
    vlan: int = 0
    dhcp4: bool = False
    dhcp6: bool = False

    def count(self, version: int) -> int:
        """How many addresses of a family are to be allocated."""
        dhcp, wanted = (self.dhcp4, self.ipv4) if version == 4 else (self.dhcp6, self.ipv6)
        return 0 if dhcp else wanted

    @property
    def network(self) -> BridgeVlan | None:
        """The one bridge and VLAN the plan names, or None when the pool decides."""
        return None if self.auto_bridge else BridgeVlan(self.bridge, self.vlan)


def allocate(vm: Vm, want: Want, giving_up: bool = True) -> list[Address]:
    """Make the VM hold exactly what its plan asks for; returns its addresses, the main one first.

    Without `giving_up` it keeps, after those, what it must lose later: a guest may still use them.
    Raises NoAddress, with nothing changed, when it cannot be done.
    """
    with addresses_of(vm.server_id):
        mine = addresses_of_vm(vm)
        keep = fitting(mine, want)
        rest = [row for row in mine if row not in keep]
        if giving_up:
            _give_up(rest)
        lacking = {v: want.count(v) - sum(row.address.version == v for row in keep) for v in (4, 6)}
        if any(lacking.values()):
            where = want.network or (network(keep[0]) if keep else None)
            for grant in sources.choose(vm.server, lacking, where):
                keep.append(_assign(vm, grant, len(mine) + len(keep)))
        everything = keep if giving_up else keep + rest
        _number(everything)
    return everything


def release(vm: Vm) -> list[IpAddress]:
    """Free everything the VM holds; only for a VM that is gone. Returns the addresses.

    In a pool with a quarantine they rest first; nobody, not even the VM that had them, gets them sooner.
    """
    with addresses_of(vm.server_id):
        mine = addresses_of_vm(vm)
        _give_up(mine)
    return [row.address for row in mine]


def assign_specific(vm: Vm, address: str | IpAddress, from_reserved: bool = False) -> Address:
    """Give the VM this one address, after those it has; changes nothing when it holds it already.

    The address must be free in a pool or in the legacy list of its server, on the VM's own bridge and VLAN if
    it has addresses. `from_reserved` also takes one that an operator reserved, or that rests.
    """
    wanted = parse_address(str(address))
    with addresses_of(vm.server_id):
        mine = addresses_of_vm(vm)
        for row in mine:
            if row.address == wanted:
                return row
        grant = sources.find(vm.server, wanted, _place_of(vm, mine))
        _clear(grant, from_reserved)
        return _assign(vm, grant, mine[-1].position + 1 if mine else 0)


_HELD: Compiled[Address] = Compiled(
    lambda vm: Address.select().where(Address.vm == vm).order_by(Address.position, Address.id), 1
)


def addresses_of_vm(vm: Vm) -> list[Address]:
    """What the VM holds, the main address first."""
    return _HELD.rows(vm.id)


def sweep_quarantine(now: int | None = None, at_most: int = 1000) -> int:
    """Free the addresses whose rest is over; returns how many. Call again while it returns `at_most`."""
    moment = now_ms() if now is None else now
    over = (Address.state == "quarantined") & (Address.available_at <= moment)
    servers = sorted({row.server_id for row in Address.select(Address.server).where(over).distinct()})
    swept = 0
    for server_id in servers:
        with addresses_of(server_id):
            rows = list(Address.select().where(over & (Address.server == server_id)).limit(at_most - swept))
            for row in rows:
                _free(row)
        swept += len(rows)
        if swept >= at_most:
            break
    return swept


def fitting(mine: list[Address], want: Want) -> list[Address]:
    """Those of a VM's addresses it may keep: on the plan's network, the lowest positions of each family."""
    where = want.network or (network(mine[0]) if mine else None)
    there = [row for row in mine if network(row) == where]
    kept = {v: [row for row in there if row.address.version == v][: want.count(v)] for v in (4, 6)}
    return [row for row in there if row in kept[row.address.version]]


def _place_of(vm: Vm, mine: list[Address]) -> BridgeVlan | None:
    """Where the VM's network card is: by its addresses, else by its record."""
    if mine:
        return network(mine[0])
    return BridgeVlan(vm.bridge, vm.vlan) if vm.bridge else None


def _give_up(rows: list[Address]) -> None:
    for row in rows:
        rest = 0 if row.pool is None else row.pool.quarantine_s
        if rest:
            now = now_ms()
            row.vm, row.state, row.position = None, "quarantined", 0
            row.rdns = ""
            row.released_at, row.available_at = now, now + rest * 1000
            row.save()
        else:
            _free(row)


def _free(row: Address) -> None:
    row.delete_instance()
    if row.pool is not None:
        assignments.give_back(row.pool, row.address)


def _assign(vm: Vm, grant: Allocation, position: int) -> Address:
    try:
        return Address.create(
            server=vm.server_id,
            pool=grant.pool_id,
            bridge=grant.network.bridge,
            vlan=grant.network.vlan,
            address=grant.address,
            vm=vm.id,
            state="assigned",
            position=position,
            prefix=grant.prefix,
            gateway=grant.gateway,
            dns1=grant.dns1,
            dns2=grant.dns2,
            assigned_at=now_ms(),
        )
    except IntegrityError as error:
        raise Failed(
            f"{grant.address} on {grant.network} was listed as free but is in use; nothing was assigned. "
            "Save its pool again to recompute its free addresses."
        ) from error


def _number(rows: list[Address]) -> None:
    """Keep positions without gaps, so that 0 is always the main address."""
    for position, row in enumerate(rows):
        if row.position != position:
            row.position = position
            row.save(only=[Address.position])


def _clear(grant: Allocation, from_reserved: bool) -> None:
    """Take a named address out of freedom, or say who has it."""
    condition = assignments.at(grant.server_id, grant.network.bridge, grant.network.vlan)
    row = Address.get_or_none(condition & (Address.address == grant.address))
    if row is not None and row.vm_id is None and from_reserved:
        row.delete_instance()
        return
    if row is not None:
        raise Refused(
            f"The address is not free: {assignments.named(assignments.holders(Address.id == row.id))}."
        )
    if grant.pool_id is not None:
        _take_from(Pool.get_by_id(grant.pool_id), grant.address)


def _take_from(pool: Pool, address: IpAddress) -> None:
    if not hands_out(spec_of(pool), address):
        raise Refused(
            f"Pool {pool.id} never hands out {address}: it is the gateway, excluded, or not a host address."
        )
    if not ranges.take(pool.id, span(address, address)):
        raise Refused(
            f"{address} is still held on the bridge and VLAN that pool {pool.id} had before; choose another."
        )
