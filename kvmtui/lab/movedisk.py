"""Moving a disk to another storage or format, while the VM runs or not."""

from __future__ import annotations

from typing import Any

from fakepve.model import TaskError
from fakepve.routing import die

from kvmtui.lab.configdisks import drop_volume, keep_unused
from kvmtui.lab.disks import allocate, copy_time, format_for
from kvmtui.lab.drives import is_cdrom, join, split, volumes_of
from kvmtui.lab.guests import Guest
from kvmtui.lab.tasks import Task
from kvmtui.lab.volumes import Volume
from kvmtui.lab.world import World, serves


@serves("POST", "/nodes/{node}/qemu/{vmid}/move_disk")
async def move_disk(world: World, values: dict[str, Any], user: str) -> str:
    """Copy a disk and use the copy; the old one becomes unused, or goes with `delete`."""
    guest = world.find(values["node"], values["vmid"])
    storage, key = str(values.get("storage") or ""), str(values["disk"])
    if not storage:
        raise die("both 'storage' and 'target-vmid' missing, either needs to be set")
    world.require(user, guest.path, "VM.Config.Disk")
    world.require(user, f"/storage/{storage}", "Datastore.AllocateSpace")
    world.store_for(storage, guest.node, "images")
    world.check_unlocked(guest)
    if values.get("digest") and values["digest"] != guest.digest():
        raise die("checksum mismatch (file change by other user?)")
    wanted = str(values.get("format") or "")
    _movable(world, guest, key, storage, wanted, bool(values.get("delete")))

    async def body(task: Task) -> None:
        path, refusal = world.flocks.config(guest.vmid)
        async with world.flocks.hold(path, 10, refusal):
            world.check_unlocked_in_task(guest)
            old = _movable(world, guest, key, storage, wanted, bool(values.get("delete")))
            task.say(f"create full clone of drive {key} ({old.volid})")
            kind = format_for(world, storage, wanted or None)
            new = await allocate(world, guest.node, storage, guest.vmid, old.size, fmt=kind, used=old.used)
            await copy_time(world, old)
            guest.config[key] = join(new.volid, split(guest.config[key])[1])
            if values.get("delete"):
                drop_volume(world, guest, old.volid)
            else:
                keep_unused(world, guest, old.volid)
            world.effect("move-disk", guest.node, guest.vmid, f"{key}={new.volid}")

    return await world.workers.start(guest.node, "qmmove", guest.vmid, user, body, vmids=(guest.vmid,))


def _movable(world: World, guest: Guest, key: str, storage: str, wanted: str, delete: bool) -> Volume:
    """The volume behind the disk, or why it cannot be moved."""
    value = guest.config.get(key)
    if value is None:
        raise die(f"disk '{key}' does not exist")
    if is_cdrom(value):
        raise die("you can't move a cdrom")
    old = world.volume(guest.node, split(value)[0])
    if old is None:
        raise TaskError(f"volume '{split(value)[0]}' does not exist")
    if old.storage == storage and wanted in ("", old.format):
        raise die("you can't move to the same storage with same format")
    if delete and any(old.volid in volumes_of(kept) for kept in guest.snapshots.values()):
        raise die("you can't move a disk with snapshots and delete the source")
    return old
