"""Where addresses come from: the pools of a server first, then its legacy list, one network at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import Refused
from engine.ipam import assignments, legacy, ranges
from engine.ipam.legacy import LegacyAddress
from engine.ipam.networks import BridgeVlan, Lacking, network, version
from engine.ipam.refusal import no_address
from engine.ipam.spans import address_at, chunks, key, number, size
from engine.store.fields import Address as IpAddress
from engine.store.models import Address, Pool, Server


@dataclass(frozen=True, slots=True)
class Allocation:
    """An address about to be assigned, with what its source says of it."""

    server_id: int
    pool_id: int | None
    network: BridgeVlan
    address: IpAddress
    prefix: int
    gateway: str
    dns1: str
    dns2: str


@dataclass(frozen=True, slots=True)
class AddressSources:
    """The pools and the free legacy lines from which one network or several could serve."""

    pools: list[Pool]
    entries: list[LegacyAddress]

    def networks(self) -> list[BridgeVlan]:
        """Every network that offers anything, those of the oldest pools first."""
        return list(dict.fromkeys([*map(network, self.pools), *map(network, self.entries)]))

    def on(self, where: BridgeVlan, family: int) -> AddressSources:
        """The part of the offer on one network and of one family."""
        return AddressSources(
            [pool for pool in self.pools if network(pool) == where and version(pool) == family],
            [entry for entry in self.entries if network(entry) == where and entry.address.version == family],
        )

    def has(self, count: int) -> bool:
        """Whether this many addresses are free in it."""
        in_pools = sum(size(ranges.lowest(pool.id, count)) for pool in self.pools) if count > 0 else 0
        return in_pools + len(self.entries) >= count


def choose(server: Server, lacking: Lacking, wanted: BridgeVlan | None) -> list[Allocation]:
    """Take what is lacking from one network, the pools' lowest addresses first.

    A network whose pools suffice goes before one that also needs the legacy list; among equals the oldest
    pool decides. Raises NoAddress when no network has enough.
    """
    pools = _pools(server)
    found = _first_fitting(server, AddressSources(pools, []), lacking, wanted)
    if found is not None:
        return found
    entries, wrong = _free_entries(server, pools)
    found = _first_fitting(server, AddressSources(pools, entries), lacking, wanted)
    if found is not None:
        return found
    raise no_address(server.name, lacking, wanted, pools, entries, wrong)


def find(server: Server, address: IpAddress, wanted: BridgeVlan | None) -> Allocation:
    """The source of one address, whether it is free or not; refused when there is none, or several."""
    found = _sources_of(server, address)
    fitting = [grant for grant in found if wanted is None or grant.network == wanted]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(str(grant.network) for grant in found)
    if fitting:
        raise Refused(f"{address} is offered on {names}, and the VM is on none of them yet; choose another.")
    if found:
        raise Refused(f"{address} is on {names}, but the VM's network card is on {wanted}.")
    raise Refused(f"No pool and no line of the address list of server {server.name} has {address}.")


def _sources_of(server: Server, address: IpAddress) -> list[Allocation]:
    pools = _pools(server)
    found = [_from_pool(server, pool, address) for pool in pools if _covers(pool, address)]
    listed = [each for each in legacy.parse(server.assigned_ips)[0] if each.address == address]
    return found + [_from_entry(server, each) for each in listed if not _in_pool(pools, each)]


def _first_fitting(
    server: Server, offer: AddressSources, lacking: Lacking, wanted: BridgeVlan | None
) -> list[Allocation] | None:
    for where in [wanted] if wanted else offer.networks():
        parts = [(offer.on(where, family), count) for family, count in lacking.items() if count > 0]
        if all(part.has(count) for part, count in parts):
            return [grant for part, count in parts for grant in _take(server, part, count)]
    return None


def _take(server: Server, offer: AddressSources, count: int) -> Iterator[Allocation]:
    left = count
    for pool in offer.pools:
        while left > 0 and (place := ranges.take_lowest(pool.id)) is not None:
            yield _from_pool(server, pool, address_at(place))
            left -= 1
    for entry in offer.entries[:left]:
        yield _from_entry(server, entry)


def _pools(server: Server) -> list[Pool]:
    return list(Pool.select().where(Pool.server == server.id).order_by(Pool.id))


def _covers(pool: Pool, address: IpAddress) -> bool:
    return number(pool.start) <= number(address) <= number(pool.stop)


def _free_entries(server: Server, pools: list[Pool]) -> tuple[list[LegacyAddress], list[legacy.LegacyFault]]:
    """The lines of the legacy list that nobody holds and no pool decides about; and the unreadable ones."""
    entries, wrong = legacy.parse(server.assigned_ips)
    undecided = [each for each in entries if not _in_pool(pools, each)]
    free: list[LegacyAddress] = []
    for where in AddressSources([], undecided).networks():
        free += _not_held(server, where, [each for each in undecided if network(each) == where])
    return sorted(free, key=lambda each: each.line), wrong


def _in_pool(pools: list[Pool], entry: LegacyAddress) -> bool:
    return any(network(pool) == network(entry) and _covers(pool, entry.address) for pool in pools)


def _not_held(server: Server, where: BridgeVlan, entries: list[LegacyAddress]) -> Iterator[LegacyAddress]:
    on_network = assignments.at(server.id, where.bridge, where.vlan)
    for chunk in chunks(entries):
        asked = [key(number(each.address)) for each in chunk]
        rows = Address.select(Address.address).where(on_network & Address.address.in_(asked))
        taken = {row.address for row in rows}
        yield from (each for each in chunk if each.address not in taken)


def _from_pool(server: Server, pool: Pool, address: IpAddress) -> Allocation:
    return Allocation(
        server.id, pool.id, network(pool), address, pool.mask, pool.gateway, pool.dns1, pool.dns2
    )


def _from_entry(server: Server, entry: LegacyAddress) -> Allocation:
    return Allocation(
        server.id, None, network(entry), entry.address, entry.prefix, entry.gateway, entry.dns1, entry.dns2
    )
