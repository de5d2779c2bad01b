"""Who holds which address, and how held addresses move between holders, pools and freedom.

What is held is a row of Address. A row belongs to the pool that covers its address on its bridge and VLAN;
when a pool moved to another bridge or VLAN, rows handed out before stay with it. What a pool has free is
therefore always: what it may hand out, less the rows that belong to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from engine.ipam import ranges
from engine.ipam.spans import Span, key, number, span, without
from engine.ipam.spec import hands_out, spec_of, usable
from engine.store.fields import Address as IpAddress
from engine.store.models import Address, Pool, Service, Vm

_NAMED_AT_MOST = 20
_TERMS_PER_QUERY = 100


@dataclass(frozen=True, slots=True)
class Holder:
    """An address that is not free, and who holds it."""

    address: IpAddress
    service_id: int | None
    vm: str
    rdns: str
    state: str
    note: str

    def __str__(self) -> str:
        if self.service_id is not None:
            return f"{self.address} (service {self.service_id}, {self.vm or 'no name yet'})"
        return f"{self.address} ({self.state}{': ' + self.note if self.note else ''})"


def holders(condition: Any, offset: int = 0, limit: int = _NAMED_AT_MOST + 1) -> list[Holder]:
    """The held addresses that meet a condition, in address order, one page of them."""
    query = (
        Address.select(Address, Vm, Service.id)
        .left_outer_join(Vm, on=(Address.vm == Vm.id))
        .left_outer_join(Service, on=(Vm.service == Service.id))
        .where(condition)
        .order_by(Address.address, Address.id)
        .offset(offset)
        .limit(limit)
    )
    return [_holder(row) for row in query]


def _holder(row: Address) -> Holder:
    vm = row.vm
    own_name = "" if vm is None else ".".join(part for part in (vm.name, vm.domain) if part)
    return Holder(
        address=row.address,
        service_id=None if vm is None else vm.service_id,
        vm="" if vm is None else vm.name,
        rdns=row.rdns or own_name,
        state=row.state,
        note=row.note,
    )


def named(found: list[Holder]) -> str:
    """A list of holders for a sentence; a long one is cut and says so."""
    names = ", ".join(str(each) for each in found[:_NAMED_AT_MOST])
    return names + (" and more" if len(found) > _NAMED_AT_MOST else "")


def at(server_id: int, bridge: str, vlan: int) -> Any:
    """The condition: on this network of this server."""
    return (Address.server == server_id) & (Address.bridge == bridge) & (Address.vlan == vlan)


def inside(spans: Iterable[Span]) -> Any:
    """The condition: the address lies in one of these runs."""
    return reduce(or_, (Address.address.between(key(each.lo), key(each.hi)) for each in spans))


def places(pool_id: int) -> Iterator[Span]:
    """Every address that belongs to a pool, in order, each as a run of one."""
    query = Address.select(Address.address).where(Address.pool == pool_id).order_by(Address.address)
    for (address,) in query.tuples().iterator():
        place = number(address)
        yield Span(place, place)


def count(condition: Any, spans: list[Span]) -> int:
    """How many held addresses meet the condition and lie in these runs."""
    chunks = (spans[n : n + _TERMS_PER_QUERY] for n in range(0, len(spans), _TERMS_PER_QUERY))
    return sum(Address.select().where(condition & inside(chunk)).count() for chunk in chunks)


def refill(pool: Pool) -> None:
    """Work out again what a pool has free: what it may hand out, less what belongs to it."""
    ranges.refill(pool.id, _free(pool))


def _free(pool: Pool) -> Iterator[Span]:
    """One walk along the usable runs and the held addresses side by side; both come in order."""
    held = places(pool.id)
    hole = next(held, None)
    for run in usable(spec_of(pool)):
        lo = run.lo
        while hole is not None and hole.lo <= run.hi:
            if hole.lo >= lo:
                yield from without(Span(lo, hole.lo), [hole])
                lo = hole.hi + 1
            hole = next(held, None)
        if lo <= run.hi:
            yield Span(lo, run.hi)


def give_back(pool: Pool, address: IpAddress) -> None:
    """Make an address free again in its pool, if the pool still hands it out and nothing else holds it."""
    if not hands_out(spec_of(pool), address):
        return
    still = Address.select().where(Address.pool == pool.id, Address.address == address).exists()
    if not still:
        ranges.give(pool.id, span(address, address))


def adopt(pool: Pool) -> None:
    """Make a pool the owner of every held address that its range covers on its network."""
    covered = at(pool.server_id, pool.bridge, pool.vlan) & Address.address.between(
        key(number(pool.start)), key(number(pool.stop))
    )
    strays = covered & (Address.pool.is_null() | (Address.pool != pool.id))
    before = list(Address.select(Address.pool, Address.address).where(strays & Address.pool.is_null(False)))
    Address.update(pool=pool.id).where(strays).execute()
    for row in before:
        if row.pool is not None:
            give_back(row.pool, row.address)
