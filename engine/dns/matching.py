"""Which zones a record is written to.

Per server the most specific zone that holds the name is used, because a server answers from that one alone:
a record in the zone above it is stored and never served. Over different servers every match counts, so a
zone kept at two providers is written at both. A classless reverse zone counts as the most specific zone for
the addresses of its block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from engine.dns.classless import classless_name
from engine.dns.names import Address, is_reverse, normalise, reversed_address, within, zone_name
from engine.dns.providers import PROVIDERS


@dataclass(frozen=True, slots=True)
class ConfiguredZone:
    """A configured zone: its row id, name, provider, and the key of its server or account."""

    id: int
    name: str
    provider: str
    server: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", zone_name(self.name))

    @property
    def label(self) -> str:
        """The zone as log lines name it: `example.com/PowerDNS`."""
        form = PROVIDERS.get(self.provider)
        return f"{self.name}/{form.LABEL if form else self.provider}"


@dataclass(frozen=True, slots=True)
class ZoneTarget:
    """A zone to write to, and the record's name inside it."""

    zone: ConfiguredZone
    name: str


def targets(zones: Iterable[ConfiguredZone], name: str) -> list[ZoneTarget]:
    """Every zone that a record of this name goes to, in the order of their ids."""
    wanted = normalise(name)
    address = reversed_address(wanted)
    by_server: dict[tuple[str, str], list[ZoneTarget]] = defaultdict(list)  # by provider and server
    for zone in zones:
        inside = _name_inside(zone.name, wanted, address)
        if inside is not None:
            by_server[(zone.provider, zone.server)].append(ZoneTarget(zone, inside))
    found = [target for group in by_server.values() for target in _most_specific(group)]
    # An apex belongs to the zone's owner. A reverse zone for one single address has its PTR there all the
    # same.
    usable = [t for t in found if t.name != t.zone.name or is_reverse(t.zone.name)]
    return sorted(usable, key=lambda target: target.zone.id)


def _name_inside(zone: str, name: str, address: Address | None) -> str | None:
    if within(name, zone):
        return name
    return classless_name(address, zone) if address is not None else None


def _most_specific(group: list[ZoneTarget]) -> list[ZoneTarget]:
    depth = max(_depth(target) for target in group)
    return [target for target in group if _depth(target) == depth]


def _depth(target: ZoneTarget) -> int:
    return target.zone.name.count(".")
