"""Growing a disk."""

from __future__ import annotations

import re
from typing import Any

from fakepve.model import TaskError
from fakepve.routing import param_error

from kvmtui.lab import quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.drives import is_cdrom, join, split
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.volumes import LabVolume, size_of, size_text
from kvmtui.lab.world import LabCluster, serves

RESIZE_SECONDS = 1


@serves("PUT", "/nodes/{node}/qemu/{vmid}/resize")
async def resize(world: LabCluster, values: dict[str, Any], user: str) -> str | None:
    """Grow a disk: a task since 8.0.1, done before the answer in older versions."""
    if values.get("skiplock") and user != ROOT:
        raise param_error(skiplock="Only root may use this option.")
    node, vmid = values["node"], int(values["vmid"])

    async def body() -> None:
        await _grow(world, world.find(node, vmid), values, user)

    if world.dialect.resize_is_a_task:
        return await world.workers.start(node, "resize", vmid, user, body, vmids=(vmid,))
    await body()
    return None


async def _grow(world: LabCluster, guest: LabGuest, values: dict[str, Any], user: str) -> None:
    path, refusal = world.flocks.config(guest.vmid)
    async with world.flocks.hold(path, 10, refusal):
        if values.get("digest") and values["digest"] != guest.digest():
            raise TaskError("checksum mismatch (file change by other user?)")
        if not values.get("skiplock"):
            world.check_unlocked_in_task(guest)
        key = str(values["disk"])
        volume = _volume_of(world, guest, key)
        world.require(user, f"/storage/{volume.storage}", "Datastore.AllocateSpace")
        size = wanted_size(str(values["size"]), volume.size)
        if size < volume.size:
            raise TaskError("shrinking disks is not supported")
        if size == volume.size:
            return
        quorum.check_write(world, guest.node, guest.vmid)
        await world.clock.sleep(RESIZE_SECONDS)
        volume.size = size
        volid, options = split(guest.config[key])
        guest.config[key] = join(volid, {**options, "size": size_text(size)})
        world.effect("resize", guest.node, guest.vmid, f"{key}={size_text(size)}")


def _volume_of(world: LabCluster, guest: LabGuest, key: str) -> LabVolume:
    value = guest.config.get(key)
    if value is None:
        raise TaskError(f"disk '{key}' does not exist")
    volid = split(value)[0]
    if not volid or volid == "none":
        raise TaskError(f"disk '{key}' has no associated volume")
    if is_cdrom(value):
        raise TaskError("you can't resize a cdrom")
    volume = world.volume(guest.node, volid)
    if volume is None:
        raise TaskError(f"Could not determine current size of volume '{volid}'")
    return volume


def wanted_size(text: str, current: int) -> int:
    """The size a request means: absolute, or with `+` that much more; rounded up to whole KiB."""
    found = re.fullmatch(r"(\+)?(\d+(?:\.\d+)?[KMGT]?)", text)
    if found is None:
        raise param_error(size="value does not match the regex pattern")
    size = size_of(found[2]) + (current if found[1] else 0)
    return -(-size // 1024) * 1024
