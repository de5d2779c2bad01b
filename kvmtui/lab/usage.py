"""What guests and nodes use: smooth curves over virtual time, so that counters and charts agree."""

from __future__ import annotations

import math
import random
from functools import lru_cache
from typing import Any

from kvmtui.lab.drives import boot_disk
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.volumes import GIB, MIB, size_of
from kvmtui.lab.world import LabCluster

# Average bytes per second of a busy guest; every guest has its own share of it.
AVERAGE = {"netin": 40_000.0, "netout": 15_000.0, "diskread": 90_000.0, "diskwrite": 60_000.0}
PERIOD = {
    "netin": 3600.0,
    "netout": 2700.0,
    "diskread": 5400.0,
    "diskwrite": 1800.0,
    "cpu": 900.0,
    "mem": 7200.0,
}
SEASON = 61 * 86_400.0
"""A slow wave, so that charts of months and years show more than a line."""


@lru_cache(maxsize=65536)
def _character(seed: int, vmid: int, metric: str) -> tuple[float, float]:
    """Strength and phase of one guest's curve."""
    chance = random.Random(f"{seed}:{vmid}:{metric}")
    return chance.uniform(0.2, 2.5), chance.uniform(0, 2 * math.pi)


def moved(world: LabCluster, guest: LabGuest, metric: str, start: float, end: float) -> float:
    """Bytes moved between two moments of one uninterrupted run."""
    strength, phase = _character(world.seed, guest.vmid, metric)
    bytes_moved = end - start
    for part, period in ((0.5, PERIOD[metric]), (0.3, SEASON)):
        turn = 2 * math.pi / period
        bytes_moved -= part / turn * (math.cos(turn * end + phase) - math.cos(turn * start + phase))
    return AVERAGE[metric] * strength * bytes_moved


def level(world: LabCluster, guest: LabGuest, metric: str, moment: float) -> float:
    """A share between 0 and 1: how busy the processor is or how full the memory."""
    strength, phase = _character(world.seed, guest.vmid, metric)
    wave = 1 + 0.4 * math.sin(2 * math.pi / PERIOD[metric] * moment + phase)
    wave += 0.3 * math.sin(2 * math.pi / SEASON * moment + phase)
    return min(0.95, (0.08 if metric == "cpu" else 0.22) * strength * wave + 0.01)


def cores_of(guest: LabGuest) -> int:
    """Virtual processors of a guest."""
    return int(guest.config.get("cores", 1)) * int(guest.config.get("sockets", 1))


def memory_of(guest: LabGuest) -> int:
    """Memory of a guest in bytes."""
    return int(str(guest.config.get("memory", 512)).removeprefix("current=").split(",")[0]) * MIB


def disk_of(guest: LabGuest) -> int:
    """Size of the boot disk in bytes, as status and resources tell it."""
    found = boot_disk(guest.config)
    return size_of(found[1].get("size", "")) if found else 0


def usage(world: LabCluster, guest: LabGuest, moment: float) -> dict[str, Any]:
    """The usage fields of status, list and resources at that moment; counters start again at every boot."""
    booted = guest.booted
    maxmem, cores = memory_of(guest), cores_of(guest)
    shown: dict[str, Any] = {"maxmem": maxmem, "maxdisk": disk_of(guest), "disk": 0}
    if booted is None or booted > moment:
        return {
            **shown,
            "cpu": 0,
            "mem": 0,
            "uptime": 0,
            "netin": 0,
            "netout": 0,
            "diskread": 0,
            "diskwrite": 0,
        }
    shown["cpu"] = round(level(world, guest, "cpu", moment) / max(cores, 1) * cores, 6)
    shown["mem"] = int(maxmem * level(world, guest, "mem", moment))
    shown["uptime"] = int(moment - booted)
    shown.update({metric: int(moved(world, guest, metric, booted, moment)) for metric in AVERAGE})
    return shown


def node_usage(world: LabCluster, node: str, moment: float) -> dict[str, Any]:
    """The usage fields of a node: its own plus its running guests'; none for a node that is away."""
    state = world.nodes[node]
    if not state["online"]:
        return {}
    guests = [g for g in world.roster.values() if g.node == node and g.running]
    mem = 2 * GIB + sum(int(memory_of(g) * level(world, g, "mem", moment)) for g in guests)
    busy = sum(level(world, g, "cpu", moment) * cores_of(g) for g in guests)
    return {
        "cpu": round(min(0.99, 0.02 + busy / state["cores"]), 6),
        "maxcpu": state["cores"],
        "mem": min(mem, state["memory"]),
        "maxmem": state["memory"],
        "disk": 8 * GIB,
        "maxdisk": 94 * GIB,
        "uptime": int(moment - state["booted"]),
    }
