"""Address pools as values, with how full they are and the reverse zone they need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import or_
from typing import Any

from engine.actions.lookup import found
from engine.actions.pools import POOLS
from engine.dns.names import reverse_zone_hint
from engine.errors import KvmtuiError
from engine.ipam.assignments import Holder, holders
from engine.ipam.pools import usage
from engine.queries.capacity import is_full
from engine.store.database import session
from engine.store.models import Address, Pool, Server, Vm
from engine.store.settings import Thresholds, read


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
    full: bool = False
    """Whether more of it is in use than the threshold of the settings allows."""


def pools(server: str | None = None) -> list[PoolView]:
    """Every pool, or those of a server, in the order of their addresses."""
    with session():
        query = Pool.select(Pool, Server).join(Server).order_by(Server.name, Pool.start)
        if server is not None:
            query = query.where(Server.name == server)
        rows = list(query)
        full, limit = usage([row.id for row in rows]), read(Thresholds).pool_percent
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
                full=is_full(full[row.id].used, full[row.id].total, limit),
            )
            for row in rows
        ]


def pool_values(pool_id: int) -> dict[str, Any]:
    """A pool as its form reads."""
    with session():
        return POOLS.values(found(Pool, Pool.id == pool_id, f"pool {pool_id}"))


@dataclass(frozen=True, slots=True)
class HeldView:
    """An address of a pool that is not free, who has it, and the name it points to."""

    address: str
    state: str
    service_id: int | None
    name: str
    rdns: str


def held(pool_id: int, offset: int = 0, limit: int = 1000, text: str = "") -> list[HeldView]:
    """The addresses of a pool that are not free, in order, those that hold a text: one page."""
    with session():
        return [_held(each) for each in holders(_question(pool_id, text), offset, limit)]


def held_count(pool_id: int, text: str = "") -> int:
    """How many addresses of a pool that hold the text are not free."""
    with session():
        return _counted(_question(pool_id, text))


def index_of_held(pool_id: int, address: str, text: str = "") -> int | None:
    """Where an address stands among those `held` lists; None when it is not among them."""
    with session():
        question, spot = _question(pool_id, text), ip_address(address)
        if not _counted(question & (Address.address == spot)):
            return None
        return _counted(question & (Address.address < spot))


def _counted(question: Any) -> int:
    query = Address.select().left_outer_join(Vm, on=(Address.vm == Vm.id))
    return int(query.where(question).count())


def _question(pool_id: int, text: str) -> Any:
    """The addresses of a pool, each word of the text in VM, name, note, service or address."""
    question = Address.pool == pool_id
    for word in text.split():
        fits = [
            column.contains(word)
            for column in (Vm.name, Vm.domain, Address.rdns, Address.note, Address.state)
        ]
        if word.isascii() and word.isdigit() and len(word) < 10:
            fits.append(Vm.service == int(word))
        span = beginning_with(word)
        if span is not None:
            fits.append(Address.address.between(*span))
        question &= reduce(or_, fits)
    return question


def beginning_with(text: str) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address] | None:
    """The first and last address that begins with whole parts of this text, such as `192.168.` or `2001:db8:`.

    >>> beginning_with("192.168.")
    (IPv4Address('192.168.0.0'), IPv4Address('192.168.255.255'))
    """
    try:
        whole = ip_address(text)
    except ValueError:
        pass
    else:
        return whole, whole
    mark, most, low, high = (":", 8, "0", "ffff") if ":" in text else (".", 4, "0", "255")
    parts = text.rstrip(mark).split(mark)
    missing = most - len(parts)
    if missing < 1 or "" in parts or (mark == "." and "." not in text):
        return None
    try:
        return (
            ip_address(mark.join([*parts, *[low] * missing])),
            ip_address(mark.join([*parts, *[high] * missing])),
        )
    except ValueError:
        return None


def _held(holder: Holder) -> HeldView:
    name = holder.vm or holder.note
    return HeldView(str(holder.address), holder.state, holder.service_id, name, holder.rdns)


def reverse_zone(gateway: str, mask: object) -> str:
    """The reverse zone a network needs, while it is typed; empty until gateway and mask make a network."""
    try:
        return reverse_zone_hint(f"{gateway}/{mask}")
    except (ValueError, KvmtuiError):
        return ""
