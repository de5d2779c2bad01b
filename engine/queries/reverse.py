"""Which reverse zones a network needs, and whether a zone of ours holds its addresses.

known = our_zones()                          # once, out of the store
need = reverse_need("192.0.2.1/24", known)   # as often as somebody types
need.sentence -> "2.0.192.in-addr.arpa; kept in 2.0.192.in-addr.arpa/PowerDNS."
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from engine.dns.configured_zones import all_zones, zone_of
from engine.dns.matching import ConfiguredZone, targets
from engine.dns.names import CLASSLESS, is_reverse, reverse_name, reverse_zone_hint
from engine.store.database import session

Network = IPv4Network | IPv6Network
Zones = Sequence[ConfiguredZone]
"""Reverse zones of ours, as `our_zones` reads them."""


@dataclass(frozen=True, slots=True)
class ReverseNeed:
    """The zones a network's reverse names live in, and which of ours hold all of it, or a part."""

    zones: tuple[str, ...]
    """One zone, or several where the network spans more; empty when it is a part of one zone only."""
    hint: str
    """The zone's name, or `classless delegation required`."""
    kept_in: tuple[str, ...]
    kept: int
    parts: int

    @property
    def covered(self) -> bool:
        """Whether every address of the network has a zone of ours."""
        return self.kept == self.parts

    @property
    def sentence(self) -> str:
        """What is needed, and whether it is there."""
        if self.hint == CLASSLESS and self.parts == 1 and self.covered:
            return f"Part of a zone: {self._held()}."
        several = f", or {self.parts} zones, {self.zones[0]} to {self.zones[-1]}" if self.zones[1:] else ""
        return f"{self.hint}{several}; {self._held()}."

    def _held(self) -> str:
        if not self.kept:
            return "no zone of ours holds it, so no reverse names are written"
        where = ", ".join(self.kept_in[:2]) + (" and more" if len(self.kept_in) > 2 else "")
        return f"kept in {where}" if self.covered else f"only {self.kept} of {self.parts} kept, in {where}"


def our_zones() -> Zones:
    """The reverse zones of this site as names are matched against them."""
    with session():
        return tuple(zone_of(row) for row in all_zones().values() if is_reverse(row.name))


def reverse_need(network: str, zones: Zones) -> ReverseNeed | None:
    """What a network such as `192.0.2.1/24` needs; None while that is not a network."""
    try:
        whole: Network = ip_network(network, strict=False)
    except ValueError:
        return None
    parts = list(_parts(whole))
    found = [_kept_in(part, zones) for part in parts]
    names = dict.fromkeys(label for labels in found for label in labels)
    hints = tuple(reverse_zone_hint(part) for part in parts)
    return ReverseNeed(
        zones=() if CLASSLESS in hints else hints,
        hint=reverse_zone_hint(whole),
        kept_in=tuple(names),
        kept=sum(bool(labels) for labels in found),
        parts=len(parts),
    )


def _parts(network: Network) -> Iterator[Network]:
    """The network cut at the next zone border: octets of IPv4, nibbles of IPv6; below the last one, itself."""
    step, last = (8, 24) if isinstance(network, IPv4Network) else (4, 128)
    border = max(step, -(-network.prefixlen // step) * step)
    if network.prefixlen > last or border == network.prefixlen:
        yield network
    else:
        yield from network.subnets(new_prefix=border)


def _kept_in(network: Network, zones: Zones) -> list[str]:
    """The zones of ours that hold both ends of a network, and so all of it."""
    first, last = (
        {target.zone.id: target.zone.label for target in targets(zones, reverse_name(end))}
        for end in (network[0], network[-1])
    )
    return [label for number, label in first.items() if number in last]
