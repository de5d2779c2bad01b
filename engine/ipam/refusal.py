"""Says why a server could not give a VM its addresses: where was looked, and why not there."""

from __future__ import annotations

from engine.errors import Failed
from engine.ipam import ranges
from engine.ipam.legacy import LegacyAddress, LegacyFault
from engine.ipam.networks import BridgeVlan, Lacking, network, version
from engine.ipam.spans import size
from engine.store.models import Pool

_POOLS_NAMED = 10
_FAULTS_NAMED = 3


class NoAddress(Failed):
    """Nothing fits what a VM lacks; the sentence says where it was looked for and why not there."""


def no_address(
    server: str,
    lacking: Lacking,
    wanted: BridgeVlan | None,
    pools: list[Pool],
    entries: list[LegacyAddress],
    wrong: list[LegacyFault],
) -> NoAddress:
    """The refusal, with what was checked."""
    where = f"on {wanted}" if wanted else "on any one bridge and VLAN"
    looked = [_about_pool(pool, lacking, wanted) for pool in pools[:_POOLS_NAMED]]
    if len(pools) > _POOLS_NAMED:
        looked.append(f"{len(pools) - _POOLS_NAMED} more pools do not have them either")
    looked += [f"it has no IPv{family} pool" for family in _without_pool(lacking, pools)]
    looked.append(_about_list(lacking, wanted, entries))
    looked += [f"its address list cannot be read on {fault}" for fault in wrong[:_FAULTS_NAMED]]
    return NoAddress(
        f"Server {server} cannot give {_counted(lacking)} {where}: {'; '.join(looked)}. "
        "Add a pool there or make one larger; it is tried again by itself."
    )


def _counted(lacking: Lacking) -> str:
    return " and ".join(f"{count} more IPv{family}" for family, count in lacking.items() if count > 0)


def _without_pool(lacking: Lacking, pools: list[Pool]) -> list[int]:
    served = {version(pool) for pool in pools}
    return [family for family, count in lacking.items() if count > 0 and family not in served]


def _families(lacking: Lacking) -> str:
    return " or ".join(f"IPv{family}" for family, count in lacking.items() if count > 0)


def _about_pool(pool: Pool, lacking: Lacking, wanted: BridgeVlan | None) -> str:
    name = f"pool {pool.id} ({pool.start}–{pool.stop}, {network(pool)})"
    count = lacking[version(pool)]
    if count <= 0:
        return f"{name} has no {_families(lacking)}"
    if wanted is not None and network(pool) != wanted:
        return f"{name} is on another bridge or VLAN"
    free = size(ranges.lowest(pool.id, count))
    if free == 0:
        return f"{name} is full"
    return f"{name} has {f'enough {pool.type}' if free >= count else f'only {free} free'}"


def _about_list(lacking: Lacking, wanted: BridgeVlan | None, entries: list[LegacyAddress]) -> str:
    here = [each for each in entries if wanted is None or network(each) == wanted]
    free = sum(lacking[each.address.version] > 0 for each in here)
    return f"its address list has {free or 'nothing'} free{' on several networks' if free else ''}"
