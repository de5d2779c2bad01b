"""Address pools as values, with how full they are and the reverse zone they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.actions.named import found
from engine.actions.pools import POOLS
from engine.dns.names import reverse_zone_hint
from engine.errors import KvmtuiError
from engine.ipam.held import Holder
from engine.ipam.pools import usage, who_has
from engine.store.database import session
from engine.store.models import Pool, Server


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as lists show it; rdns_zone is the reverse zone's name or `classless delegation required`."""

    id: int
    server: str
    type: str
    bridge: str
    vlan: int
    gateway: str
    mask: int
    dns1: str
    dns2: str
    start: str
    stop: str
    total: int
    used: int
    free: int
    rdns_zone: str


def pools(server: str | None = None) -> list[PoolView]:
    """Every pool, or those of a server, in the order of their addresses."""
    with session():
        query = Pool.select(Pool, Server).join(Server).order_by(Server.name, Pool.start)
        if server is not None:
            query = query.where(Server.name == server)
        rows = list(query)
        full = usage([row.id for row in rows])
        return [
            PoolView(
                id=row.id,
                server=row.server.name,
                type=row.type,
                bridge=row.bridge,
                vlan=row.vlan,
                gateway=row.gateway,
                mask=row.mask,
                dns1=row.dns1,
                dns2=row.dns2,
                start=str(row.start),
                stop=str(row.stop),
                total=full[row.id].total,
                used=full[row.id].used,
                free=full[row.id].free,
                rdns_zone=reverse_zone_hint(f"{row.gateway}/{row.mask}"),
            )
            for row in rows
        ]


def pool_values(pool_id: int) -> dict[str, Any]:
    """A pool as its form reads."""
    with session():
        return POOLS.values(found(Pool, Pool.id == pool_id, f"pool {pool_id}"))


@dataclass(frozen=True, slots=True)
class HeldView:
    """An address of a pool that is not free, and who has it."""

    address: str
    state: str
    service_id: int | None
    name: str


def held(pool_id: int, offset: int = 0, limit: int = 1000) -> list[HeldView]:
    """The addresses of a pool that are not free, in order: one page."""
    with session():
        return [_held(each) for each in who_has(Pool.get_by_id(pool_id), offset, limit)]


def _held(holder: Holder) -> HeldView:
    name = holder.vm or holder.note
    return HeldView(str(holder.address), holder.state, holder.service_id, name)


def reverse_zone(gateway: str, mask: object) -> str:
    """The reverse zone a network needs, while it is typed; empty until gateway and mask make a network."""
    try:
        return reverse_zone_hint(f"{gateway}/{mask}")
    except (ValueError, KvmtuiError):
        return ""
