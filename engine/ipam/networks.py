"""A bridge with a VLAN: what a VM's one network card is plugged into."""

from __future__ import annotations

from dataclasses import dataclass

from engine.ipam.legacy import LegacyAddress
from engine.store.models import Address, Pool

# how many addresses of a family, by 4 and 6, a VM still needs
Lacking = dict[int, int]


@dataclass(frozen=True, slots=True)
class BridgeVlan:
    """A bridge with a VLAN; 0 is none."""

    bridge: str
    vlan: int

    def __str__(self) -> str:
        return f"{self.bridge} VLAN {self.vlan}"


def network(source: Pool | LegacyAddress | Address) -> BridgeVlan:
    """The network that a pool, a line of the legacy list or a held address is on."""
    return BridgeVlan(source.bridge, source.vlan)


def version(pool: Pool) -> int:
    """The address family of a pool, 4 or 6."""
    return 4 if pool.type == "IPv4" else 6
