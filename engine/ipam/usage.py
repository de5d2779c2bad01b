"""What is used of each pool, counted and never listed; and who has which address, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from peewee import fn

from engine.ipam import assignments
from engine.ipam.assignments import Holder
from engine.ipam.spans import size
from engine.ipam.spec import spec_of, usable, withheld
from engine.store.database import session
from engine.store.models import Address, Pool, Server


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """Addresses of a pool: free ones can be handed out, used ones are assigned, reserved or resting.

    total is free and used together; addresses that are never handed out count only while somebody has one.
    """

    total: int
    used: int
    free: int


def usage(pool_ids: Iterable[int] | None = None) -> dict[int, PoolUsage]:
    """How full these pools are, or all pools; whole numbers of any size, whatever the pool's."""
    with session():
        pools = Pool.select(Pool, Server).join(Server)
        if pool_ids is not None:
            pools = pools.where(Pool.id.in_(list(pool_ids)))
        counted = (
            Address.select(Address.pool, fn.COUNT(Address.id).alias("held"))
            .where(Address.pool.is_null(False))
            .group_by(Address.pool)
        )
        used: dict[int, int] = {row.pool_id: row.held for row in counted}
        return {pool.id: _usage(pool, used.get(pool.id, 0)) for pool in pools}


def _usage(pool: Pool, used: int) -> PoolUsage:
    spec = spec_of(pool)
    out_of_reach = assignments.count(Address.pool == pool.id, withheld(spec)) if used else 0
    free = size(usable(spec)) - (used - out_of_reach)
    return PoolUsage(total=free + used, used=used, free=free)


def who_has(pool: Pool, offset: int = 0, limit: int = 100) -> list[Holder]:
    """The addresses of a pool that are not free, in order, and who holds them: one page."""
    with session():
        return assignments.holders(Address.pool == pool.id, offset, limit)
