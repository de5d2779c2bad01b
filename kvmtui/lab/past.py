"""What a guest brings with it from before the lab began: when it ran, its snapshots and its backups."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from engine.errors import Refused
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.volumes import LabVolume
from kvmtui.lab.world import LabCluster

DAY_S = 86_400


def _guest(world: LabCluster, vmid: int) -> LabGuest:
    guest = world.roster.get(vmid)
    if guest is None:
        raise Refused(f"The lab has no guest {vmid}.")
    return guest


def ran(world: LabCluster, vmid: int, spans: Sequence[tuple[float, float]]) -> None:
    """Say when a guest ran, in days before now, the oldest first; an end of 0 means that it still runs."""
    guest, now = _guest(world, vmid), world.clock.now()
    guest.runs = [[now - begin * DAY_S, now - end * DAY_S if end else None] for begin, end in spans]
    guest.status = guest.qmpstatus = "running" if spans and not spans[-1][1] else "stopped"
    if spans:
        guest.seen = [(now - spans[0][0] * DAY_S, guest.status, guest.name)]


def snapshot(world: LabCluster, vmid: int, name: str, days: float, note: str = "") -> None:
    """Give a guest a snapshot that was taken so many days ago."""
    guest = _guest(world, vmid)
    kept = {key: value for key, value in guest.config.items() if key not in ("description", "parent")}
    guest.snapshots[name] = kept | {
        "snaptime": int(world.clock.now() - days * DAY_S),
        "description": note,
    }
    guest.descriptions[name] = guest.config.get("description")
    guest.config["parent"] = name
    world.note(guest)


def backup(world: LabCluster, vmid: int, storage: str, days: float, size: int, notes: str = "") -> None:
    """Put a backup of a guest on a storage, made so many days ago."""
    guest, moment = _guest(world, vmid), int(world.clock.now() - days * DAY_S)
    stamp = time.strftime("%Y_%m_%d-%H_%M_%S", time.gmtime(moment))
    name = f"backup/vzdump-qemu-{vmid}-{stamp}.vma.zst"
    volume = LabVolume(
        world.place(storage, guest.node), storage, name, size, "vma.zst", "backup", vmid, size, moment
    )
    volume.config = json.dumps({key: value for key, value in guest.config.items() if key != "parent"})
    volume.notes = notes or None
    world.shelf.add(volume)
