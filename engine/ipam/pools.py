"""Pools as an operator changes them: make, edit, delete, reserve.

An edit changes what is handed out next and never what was handed out before: a held address keeps its row,
its gateway, mask and DNS servers unchanged. Everything here is one transaction under the server's lock.
"""

from __future__ import annotations

from engine.clock import now_ms
from engine.errors import Refused
from engine.ipam import assignments, ranges
from engine.ipam.locks import addresses_of
from engine.ipam.spans import Span, address_at, key, number, parse_span, span
from engine.ipam.spec import PoolSpec, check
from engine.ipam.usage import PoolUsage, usage, who_has
from engine.store.models import Address, Pool, Server

MOST_RESERVED_AT_ONCE = 4096

__all__ = [
    "MOST_RESERVED_AT_ONCE",
    "PoolSpec",
    "PoolUsage",
    "create_pool",
    "delete_pool",
    "overlapping",
    "reserve",
    "unreserve",
    "update_pool",
    "usage",
    "who_has",
]


def create_pool(spec: PoolSpec) -> Pool:
    """Make a pool with all its addresses free, save those already held on its network."""
    check(spec)
    server = _server(spec.server)
    with addresses_of(server.id):
        _check_neighbours(spec, server, besides=None)
        pool = Pool.create(server=server, **_columns(spec))
        assignments.adopt(pool)
        assignments.refill(pool)
    return pool


def update_pool(pool: Pool, spec: PoolSpec) -> Pool:
    """Change a pool to this spec, or refuse and change nothing. Held addresses stay as they are."""
    check(spec)
    with addresses_of(pool.server_id):
        pool = _fresh(pool.id)
        if spec.server != pool.server.name:
            raise Refused(
                f"{title(pool)} belongs to server {pool.server.name} and cannot move to {spec.server}. "
                "Delete it there and make a new one."
            )
        _check_neighbours(spec, pool.server, besides=pool)
        _check_shrinking(pool, spec)
        for field, value in _columns(spec).items():
            setattr(pool, field, value)
        pool.save()
        _let_rest_go(pool)
        assignments.adopt(pool)
        assignments.refill(pool)
    return pool


def delete_pool(pool: Pool) -> None:
    """Delete a pool nobody holds an address of; refused, with the list, while somebody does."""
    with addresses_of(pool.server_id):
        pool = _fresh(pool.id)
        found = assignments.holders((Address.pool == pool.id) & _in_use())
        if found:
            raise Refused(
                f"{title(pool)} is in use and was not deleted: {assignments.named(found)}. Free these first."
            )
        # what rests after its release keeps resting, in case a new pool takes the range over
        Address.update(pool=None).where(Address.pool == pool.id).execute()
        pool.delete_instance()


def overlapping(spec: PoolSpec, besides: Pool | None = None) -> Pool | None:
    """Another pool of the same server, bridge and VLAN that shares an address with this range, if any."""
    query = Pool.select().join(Server).where(Server.name == spec.server)
    query = query.where(Pool.bridge == spec.bridge, Pool.vlan == spec.vlan)
    query = query.where(Pool.start <= spec.stop, Pool.stop >= spec.start)
    if besides is not None:
        query = query.where(Pool.id != besides.id)
    return query.order_by(Pool.start).first()


def reserve(pool: Pool, addresses: str, note: str = "") -> int:
    """Keep an address, or a range `first-last`, from being handed out; returns how many are new.

    What is reserved already stays so. Addresses somebody holds are refused with the list. A range is
    written down address by address and so is bounded; exclude a larger one in the pool instead.
    """
    wanted = parse_span(addresses)
    if wanted.size > MOST_RESERVED_AT_ONCE:
        raise Refused(
            f"{addresses} has {wanted.size} addresses; at most {MOST_RESERVED_AT_ONCE} are reserved at once. "
            "Put it into the pool's excluded list instead."
        )
    with addresses_of(pool.server_id):
        pool = _fresh(pool.id)
        _check_reservable(pool, wanted)
        resting = _spot(pool, wanted) & (Address.state == "quarantined")
        Address.delete().where(resting).execute()
        there = {number(row.address) for row in Address.select().where(_spot(pool, wanted))}
        new = [place for place in range(wanted.lo, wanted.hi + 1) if place not in there]
        for place in new:
            _write_reserved(pool, place, note)
        ranges.cut(pool.id, wanted)
    return len(new)


def unreserve(pool: Pool, addresses: str) -> int:
    """Let reserved addresses be handed out again; returns how many. Others in the range stay as they are."""
    wanted = parse_span(addresses)
    with addresses_of(pool.server_id):
        pool = _fresh(pool.id)
        rows = list(Address.select().where(_spot(pool, wanted) & (Address.state == "reserved")))
        for row in rows:
            row.delete_instance()
            assignments.give_back(pool, row.address)
    return len(rows)


def title(pool: Pool) -> str:
    """How sentences name a pool."""
    return f"Pool {pool.id} ({pool.start}–{pool.stop}, {pool.bridge} VLAN {pool.vlan})"


def _server(name: str) -> Server:
    server = Server.get_or_none(Server.name == name)
    if server is None:
        raise Refused(f"Server '{name}' not found. List them: kvmtui server list")
    return server


def _fresh(pool_id: int) -> Pool:
    """The pool as it is now that we hold the lock; it may have changed since the caller read it."""
    pool = Pool.get_or_none(Pool.id == pool_id)
    if pool is None:
        raise Refused(f"Pool {pool_id} not found: somebody deleted it.")
    return pool


def _columns(spec: PoolSpec) -> dict[str, object]:
    return {
        "type": spec.type,
        "bridge": spec.bridge,
        "vlan": spec.vlan,
        "gateway": str(spec.gateway),
        "mask": spec.mask,
        "dns1": spec.dns1,
        "dns2": spec.dns2,
        "start": spec.start,
        "stop": spec.stop,
        "excluded": list(spec.excluded),
        "quarantine_s": spec.quarantine_s,
    }


def _in_use():  # type: ignore[no-untyped-def]
    return Address.state != "quarantined"


def _spot(pool: Pool, wanted: Span):  # type: ignore[no-untyped-def]
    return (Address.pool == pool.id) & assignments.inside([wanted])


def _check_neighbours(spec: PoolSpec, server: Server, besides: Pool | None) -> None:
    other = overlapping(spec, besides)
    if other is not None:
        raise Refused(
            f"The range {spec.start}–{spec.stop} overlaps {title(other)}, "
            "which is on the same server, bridge and VLAN. Give each address to one pool."
        )
    twin = Pool.get_or_none((Pool.server == server.id) & (Pool.start == spec.start))
    if twin is not None and twin != besides:
        raise Refused(
            f"Server {server.name} already has a pool that starts at {spec.start}: {title(twin)}. "
            "A pool is known by its server and first address; start this one elsewhere."
        )
    on_gateway = assignments.at(server.id, spec.bridge, spec.vlan) & (Address.address == spec.gateway)
    found = assignments.holders(on_gateway & (Address.state == "assigned"))
    if found:
        raise Refused(f"The gateway {spec.gateway} is in use by a VM: {assignments.named(found)}.")


def _check_shrinking(pool: Pool, spec: PoolSpec) -> None:
    outside = (Address.address < key(number(spec.start))) | (Address.address > key(number(spec.stop)))
    found = assignments.holders((Address.pool == pool.id) & _in_use() & outside)
    if found:
        raise Refused(
            f"{title(pool)} cannot shrink to {spec.start}–{spec.stop}; these addresses are in use: "
            f"{assignments.named(found)}."
        )


def _let_rest_go(pool: Pool) -> None:
    """Addresses that rest outside the new range end their rest without a pool."""
    outside = (Address.address < key(number(pool.start))) | (Address.address > key(number(pool.stop)))
    Address.update(pool=None).where((Address.pool == pool.id) & outside).execute()


def _check_reservable(pool: Pool, wanted: Span) -> None:
    whole = span(pool.start, pool.stop)
    if wanted.lo < whole.lo or wanted.hi > whole.hi:
        raise Refused(f"{wanted} is not inside {title(pool)}.")
    found = assignments.holders(_spot(pool, wanted) & (Address.state == "assigned"))
    if found:
        raise Refused(
            f"Some addresses of {wanted} are in use: {assignments.named(found)}. Reserve the others."
        )


def _write_reserved(pool: Pool, place: int, note: str) -> None:
    Address.create(
        server=pool.server_id,
        pool=pool.id,
        bridge=pool.bridge,
        vlan=pool.vlan,
        address=address_at(place),
        state="reserved",
        prefix=pool.mask,
        gateway=pool.gateway,
        dns1=pool.dns1,
        dns2=pool.dns2,
        note=note,
        assigned_at=now_ms(),
    )
