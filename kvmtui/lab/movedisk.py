"""Moving a disk to another storage or to another VM."""

from __future__ import annotations

import re
from typing import Any

from fakepve.model import PveError, TaskError
from fakepve.routing import check_digest, die, param_error

from kvmtui.lab import quorum
from kvmtui.lab.configdisks import keep_unused, put
from kvmtui.lab.disks import allocate, copy_time, disk_name, free
from kvmtui.lab.drives import is_cdrom, is_cloudinit, join, split, volumes_of
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import size_text
from kvmtui.lab.world import LabCluster, serves

UNUSED = re.compile(r"unused\d+")
NEITHER = "both 'storage' and 'target-vmid' missing, either needs to be set"
BOTH = "either set 'storage' or 'target-vmid', but not both"


@serves("POST", "/nodes/{node}/qemu/{vmid}/move_disk")
async def move_disk(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Move a disk; what can be refused at once is."""
    storage, other = values.get("storage"), values.get("target-vmid")
    if bool(storage) == bool(other):
        text = BOTH if storage else NEITHER
        raise param_error(**{"storage": text, "target-vmid": text})
    return await (_reassign(world, values, user) if other else _move(world, values, user))


# ---- to another storage


def _check_move(world: LabCluster, values: dict[str, Any]) -> tuple[LabGuest, str, dict[str, str], bool]:
    guest = world.find(values["node"], values["vmid"])
    world.check_unlocked(guest)
    check_digest(guest.digest(), values.get("digest"))
    key, storage, fmt = str(values["disk"]), str(values["storage"]), values.get("format")
    if key not in guest.config:
        raise die(f"disk '{key}' does not exist")
    value = guest.config[key]
    volid, options = split(value)
    if not volid:
        raise die(f"disk '{key}' has no associated volume")
    if is_cdrom(value) and not is_cloudinit(value):
        raise die("you can't move a cdrom")
    home = volid.partition(":")[0]
    old_format = world._parse_volname(world._store(home), volid.partition(":")[2])[2]
    if home == storage and (not fmt or fmt == old_format):
        raise die("you can't move to the same storage with same format")
    world.store_for(storage, guest.node, "images")
    kept = any(volid in volumes_of(snapshot) for snapshot in guest.snapshots.values())
    if kept and values.get("delete"):
        raise die("you can't move a disk with snapshots and delete the source")
    return guest, volid, options, kept


async def _move(world: LabCluster, values: dict[str, Any], user: str) -> str:
    key, storage = str(values["disk"]), str(values["storage"])
    world.require(user, f"/storage/{storage}", "Datastore.AllocateSpace")
    guest, volid, _, _ = _check_move(world, values)
    home = volid.partition(":")[0]

    async def body(task: LabTask) -> None:
        path, refusal = world.flocks.config(guest.vmid)
        async with world.flocks.hold(path, 10, refusal):
            _, _, options, kept = _check_move(world, values)
            quorum.check_write(world, guest.node, guest.vmid)
            task.say(f"copying volume '{volid}' from current storage '{home}' to target storage '{storage}'")
            if kept:
                task.say("moving disk with snapshots, snapshots will not be moved!")
            try:
                old = world.volume(guest.node, volid)
                if old is None:
                    raise TaskError(f"volume '{volid}' does not exist")
                fmt = values.get("format")
                new = await allocate(world, guest.node, storage, guest.vmid, old.size, fmt=fmt, used=old.used)
                try:
                    await copy_time(world, old)
                except TaskError:
                    free(world, new)
                    raise
            except (PveError, TaskError) as problem:
                raise TaskError(
                    f"storage migration failed: {getattr(problem, 'message', problem)}"
                ) from problem
            guest.config[key] = join(new.volid, {**options, "size": size_text(new.size)})
            if values.get("delete"):
                task.say(f"removing source volume '{volid}' after successful copy")
                free(world, old)
            else:
                keep_unused(world, guest, volid)
                task.say(f"adding source volume '{volid}' as unused to config")
            world.effect("move-disk", guest.node, guest.vmid, f"{key}={new.volid}")

    return await world.workers.start(guest.node, "qmmove", guest.vmid, user, body, vmids=(guest.vmid,))


# ---- to another VM


def _check_reassign(
    world: LabCluster, values: dict[str, Any], key: str, goal: str
) -> tuple[LabGuest, LabGuest]:
    vmid, other = int(values["vmid"]), int(values["target-vmid"])
    source, target = world.roster.get(vmid), world.roster.get(other)
    if source is None:
        raise die(f"could not find VM {vmid}")
    if target is None:
        raise die(f"could not find target VM {other}")
    if source.node != target.node:
        raise die(f"Both VMs need to be on the same node ({source.node} != {target.node})")
    world.check_unlocked(source)
    world.check_unlocked(target)
    if source.template or target.template:
        raise die("Can't move disks from or to template VMs")
    if key not in source.config:
        raise die(f"Disk '{key}' for VM '{vmid}' does not exist")
    if goal in target.config:
        raise die(f"Target disk key '{goal}' is already in use for VM '{other}'")
    value = source.config[key]
    volid = split(value)[0]
    if is_cdrom(value) and not is_cloudinit(value):
        raise die("CD drive contents can't be moved to another VM")
    if ":" not in volid:
        raise die(f"Volume '{volid}' not managed by PVE")
    if any(volid in volumes_of(snapshot) for snapshot in source.snapshots.values()):
        raise die("Can't move disk used by a snapshot to another VM")
    if source.running and not UNUSED.fullmatch(key):
        raise die("Cannot move disk to another VM while the source VM is running - detach first")
    return source, target


async def _reassign(world: LabCluster, values: dict[str, Any], user: str) -> str:
    vmid, other = int(values["vmid"]), int(values["target-vmid"])
    key = str(values["disk"])
    goal = str(values.get("target-disk") or key)
    world.require(user, f"/vms/{other}", "VM.Config.Disk")
    if vmid == other:
        raise param_error(**{"target-vmid": "must be different than source VMID to reassign disk"})
    source, _ = _check_reassign(world, values, key, goal)
    storage = split(source.config[key])[0].partition(":")[0]
    world.require(user, f"/storage/{storage}", "Datastore.AllocateSpace")

    async def body(task: LabTask) -> None:
        source, target = _check_reassign(world, values, key, goal)
        volid, options = split(source.config[key])
        volume = world.volume(source.node, volid)
        if volume is None:
            raise TaskError(f"volume '{volid}' does not exist")
        task.say(f"reassign disk '{key}' from VM '{vmid}' as '{goal}' to VM '{other}'")
        world.shelf.remove(volume)
        volume.name = disk_name(world, volume.place, volume.storage, other, volume.format)
        volume.vmid = other
        world.shelf.add(volume)
        task.say(f"removing disk '{key}' from VM '{vmid}' config")
        source.config.pop(key)
        put(world, target, goal, volume.volid if UNUSED.fullmatch(goal) else join(volume.volid, options))
        world.effect("reassign-disk", target.node, other, volume.volid)

    ident = f"{vmid}-{key}>{other}-{goal}"
    return await world.workers.start(source.node, "qmmove", ident, user, body, vmids=(vmid, other))
