"""What a pool is asked to be, and which of its addresses may be handed out.

Never handed out, even inside the range: the gateway, the excluded addresses, of IPv4 the network and the
broadcast address (masks up to 30), and of IPv6 the first address of the prefix (masks up to 126), which is
the routers' anycast address.

With a mask of 32 or 128 every address is a network of its own, reached over a gateway on the link; then,
and only then, the gateway may lie anywhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from engine.errors import Refused
from engine.ipam.spans import TOP, Span, merged, number, parse_address, parse_span, shortened, span, without
from engine.store.fields import Address
from engine.store.models import Pool

MOST_EXCLUSIONS = 1000
_BRIDGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
_IPV4_MAPPED = ip_network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pool as an operator writes it. `server` is the server's name; addresses are values, not texts."""

    server: str
    type: str
    bridge: str
    vlan: int
    gateway: Address
    mask: int
    start: Address
    stop: Address
    dns1: str = ""
    dns2: str = ""
    excluded: tuple[str, ...] = ()
    quarantine_s: int = 0


def spec_of(pool: Pool) -> PoolSpec:
    """The spec a stored pool would be made from."""
    return PoolSpec(
        server=pool.server.name,
        type=pool.type,
        bridge=pool.bridge,
        vlan=pool.vlan,
        gateway=parse_address(pool.gateway),
        mask=pool.mask,
        start=pool.start,
        stop=pool.stop,
        dns1=pool.dns1,
        dns2=pool.dns2,
        excluded=tuple(pool.excluded),
        quarantine_s=pool.quarantine_s,
    )


def network_of(spec: PoolSpec) -> IPv4Network | IPv6Network:
    """The network the pool's first address and mask describe."""
    return ip_network(f"{spec.start}/{spec.mask}", strict=False)


@lru_cache(maxsize=256)
def usable(spec: PoolSpec) -> tuple[Span, ...]:
    """The runs of addresses the pool may hand out, in order."""
    return tuple(without(span(spec.start, spec.stop), merged(_never(spec))))


def hands_out(spec: PoolSpec, address: Address) -> bool:
    """Whether the pool may ever hand out this address."""
    runs = usable(spec)
    place = number(address)
    before = bisect_right(runs, Span(place, TOP)) - 1
    return before >= 0 and runs[before].hi >= place


def withheld(spec: PoolSpec) -> list[Span]:
    """The runs inside the pool's range that it never hands out, in order."""
    return list(without(span(spec.start, spec.stop), usable(spec)))


def _never(spec: PoolSpec) -> Iterator[Span]:
    network = network_of(spec)
    yield span(spec.gateway, spec.gateway)
    if network.max_prefixlen - network.prefixlen >= 2:
        yield span(network.network_address, network.network_address)
        if network.version == 4:
            yield span(network.broadcast_address, network.broadcast_address)
    yield from (parse_span(text) for text in spec.excluded)


def faults(spec: PoolSpec) -> list[str]:
    """Every reason why this pool cannot be, one sentence each; empty when it can."""
    return list(_faults(spec))


def check(spec: PoolSpec) -> None:
    """Refuse a pool that cannot be, with every reason in one sentence."""
    found = faults(spec)
    if found:
        raise Refused("Invalid pool: " + " ".join(found))


def _faults(spec: PoolSpec) -> Iterator[str]:
    if not _BRIDGE.fullmatch(spec.bridge):
        yield f"bridge: '{shortened(spec.bridge)}' is not a bridge name such as vmbr0."
    if not 0 <= spec.vlan <= 4094:
        yield f"vlan: {spec.vlan} is not 0 (no VLAN) to 4094."
    for field in ("dns1", "dns2"):
        yield from _dns_faults(field, getattr(spec, field))
    if spec.quarantine_s < 0:
        yield "quarantine_s: it cannot be negative."
    if spec.type not in ("IPv4", "IPv6"):
        yield f"type: '{shortened(spec.type)}' is neither IPv4 nor IPv6."
        return
    wrong = list(_family_faults(spec))
    yield from wrong
    if not wrong:
        yield from _range_faults(spec)
        yield from _exclusion_faults(spec)


def _dns_faults(field: str, text: str) -> Iterator[str]:
    try:
        if text:
            parse_address(text)
    except Refused as wrong:
        yield f"{field}: {wrong.sentence}"


def _family_faults(spec: PoolSpec) -> Iterator[str]:
    version = 4 if spec.type == "IPv4" else 6
    for field in ("gateway", "start", "stop"):
        address: Address = getattr(spec, field)
        if address.version != version:
            yield f"{field}: {address} is not an {spec.type} address."
        elif address.version == 6 and address in _IPV4_MAPPED:
            yield f"{field}: {address} is an IPv4 address in IPv6 form."
    widest = 32 if version == 4 else 128
    if not 1 <= spec.mask <= widest:
        yield f"mask: {spec.mask} is not 1 to {widest}."


def _range_faults(spec: PoolSpec) -> Iterator[str]:
    network = network_of(spec)
    if number(spec.stop) < number(spec.start):
        yield f"stop: {spec.stop} comes before start {spec.start}."
        return
    if network.prefixlen < network.max_prefixlen:
        for field in ("gateway", "stop"):
            if getattr(spec, field) not in network:
                yield f"{field}: {getattr(spec, field)} is outside {network}, the network of start."
    whole = span(spec.start, spec.stop)
    if whole.lo <= number(_IPV4_MAPPED[0]) <= whole.hi and spec.type == "IPv6":
        yield "start: the range runs over ::ffff:0:0/96, which stands for IPv4."


def _exclusion_faults(spec: PoolSpec) -> Iterator[str]:
    if len(spec.excluded) > MOST_EXCLUSIONS:
        yield f"excluded: {len(spec.excluded)} entries; a pool takes {MOST_EXCLUSIONS}. Join them to ranges."
        return
    whole = span(spec.start, spec.stop)
    for text in spec.excluded:
        try:
            part = parse_span(text)
        except Refused as wrong:
            yield f"excluded: {wrong.sentence}"
            continue
        if part.hi < whole.lo or part.lo > whole.hi:
            yield f"excluded: {shortened(text)} lies outside the pool."
