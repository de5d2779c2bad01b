"""Charts: what a VM used over the last hour to the last year, on the grid each version answers with."""

from __future__ import annotations

import math
from typing import Any

from fakepve.routing import die

from kvmtui.lab.guests import LabGuest
from kvmtui.lab.usage import AVERAGE, cores_of, disk_of, level, memory_of, moved
from kvmtui.lab.world import LabCluster, serves

# A guest has no charts until its node has reported it for the first time.
FIRST_SECONDS = 10
# Points and seconds per point.
GRID_8 = {
    "hour": (60, 60),
    "day": (70, 1800),
    "week": (70, 10_800),
    "month": (70, 43_200),
    "year": (70, 604_800),
}
GRID_9 = {
    "hour": (60, 60),
    "day": (1440, 60),
    "week": (336, 1800),
    "month": (1440, 1800),
    "year": (1440, 21_600),
    "decade": (570, 604_800),
}
PRESSURE = tuple(f"pressure{kind}{how}" for kind in ("cpu", "io", "memory") for how in ("some", "full"))


def _first_seen(guest: LabGuest) -> float:
    return guest.seen[0][0] if guest.seen else math.inf


@serves("GET", "/nodes/{node}/qemu/{vmid}/rrddata")
async def rrddata(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """One point per slot: before the VM existed the time alone, while it was off no rates."""
    found = world.roster.get(int(values["vmid"]))
    guest = found if found is not None and found.node == values["node"] else None
    young = guest is not None and world.clock.now() - _first_seen(guest) < FIRST_SECONDS
    if guest is None or (young and not world.clock.instant):
        folder = "pve-vm-9.0" if world.dialect.major >= 9 else "pve2-vm"
        where = f"/var/lib/rrdcached/db/{folder}/{values['vmid']}"
        problem = f"rrd_fetch_r failed: opening '{where}': No such file or directory"
        raise die(f"RRD error: rrdcached@unix:/var/run/rrdcached.sock: {problem}")
    grid = GRID_9 if world.dialect.major >= 9 else GRID_8
    points, step = grid.get(str(values["timeframe"]), grid["hour"])
    newest = int(world.clock.now() // step) * step
    return [_point(world, guest, end, step) for end in range(newest - (points - 1) * step, newest + 1, step)]


def _point(world: LabCluster, guest: LabGuest, end: int, step: int) -> dict[str, Any]:
    point: dict[str, Any] = {"time": end}
    if not guest.seen or guest.seen[0][0] > end:
        return point
    point |= {"maxcpu": cores_of(guest), "maxmem": memory_of(guest), "maxdisk": disk_of(guest), "disk": 0}
    spans = _spans(guest, end - step, end)
    ran = sum(stop - start for start, stop in spans)
    if not ran:
        return point
    point["cpu"] = level(world, guest, "cpu", end) * ran / step
    point["mem"] = memory_of(guest) * level(world, guest, "mem", end)
    for metric in AVERAGE:
        point[metric] = sum(moved(world, guest, metric, start, stop) for start, stop in spans) / step
    if world.dialect.major >= 9:
        point |= {"memhost": point["mem"], **dict.fromkeys(PRESSURE, 0)}
    return point


def _spans(guest: LabGuest, start: float, end: float) -> list[tuple[float, float]]:
    """When it ran within a slot."""
    cut = ((max(begin or start, start), min(stop or end, end)) for begin, stop in guest.runs)
    return [(begin, stop) for begin, stop in cut if stop > begin]
