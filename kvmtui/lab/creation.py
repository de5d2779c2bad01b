"""Making a VM from nothing and destroying one."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from fakepve.model import PveError, TaskError
from fakepve.routing import die, param_error

from kvmtui.lab import configrights as rights
from kvmtui.lab import quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.backup import restore
from kvmtui.lab.cloudinit import checked_keys
from kvmtui.lab.config import ready_value
from kvmtui.lab.configdisks import check_drive, check_drive_storage
from kvmtui.lab.disks import free
from kvmtui.lab.drives import DRIVE, default_boot, volumes_of
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import LabVolume
from kvmtui.lab.world import LabCluster, serves

CREATE_ONLY = (
    "node",
    "vmid",
    "archive",
    "storage",
    "force",
    "unique",
    "live-restore",
    "pool",
    "bwlimit",
    "start",
    "ha-managed",
    "import-working-storage",
)


@serves("POST", "/nodes/{node}/qemu")
async def create(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Create a VM, or restore one when an archive is named."""
    vmid, pool = int(values["vmid"]), values.get("pool")
    quorum.check(world)
    if pool and pool not in world.pools:
        raise die(f"pool '{pool}' does not exist")
    if not world.allowed(user, f"/vms/{vmid}", "VM.Allocate"):
        in_pool = pool and world.allowed(user, f"/pool/{pool}", "VM.Allocate")
        own = (
            values.get("archive") and values.get("force") and world.allowed(user, f"/vms/{vmid}", "VM.Backup")
        )
        if not (in_pool or own):
            raise PveError(403, "Permission check failed")
    changes = {key: value for key, value in values.items() if key not in CREATE_ONLY}
    if changes.get("sshkeys") is not None:
        checked_keys(str(changes["sshkeys"]))
    if values.get("archive"):
        return await restore(world, values, changes, user)
    drives = {key: str(value) for key, value in changes.items() if DRIVE.match(key)}
    for key, value in drives.items():
        check_drive(world, key, value)
        check_drive_storage(world, str(values["node"]), vmid, key, value, user)
    check_rights(world, vmid, changes, user)
    return await _create(world, values, changes, user)


def check_rights(world: LabCluster, vmid: int, changes: dict[str, Any], user: str) -> None:
    """Refuse unless the user may write every key of a new config."""
    path = f"/vms/{vmid}"
    rights.require_for_keys(world, path, changes, user)
    rights.require_for_values(world, path, changes, user, "set")
    rights.require_bridges(world, changes, user)
    rights.require_for_cpu(world, changes, {}, user)


async def _create(world: LabCluster, values: dict[str, Any], changes: dict[str, Any], user: str) -> str:
    node, vmid = values["node"], int(values["vmid"])
    taken = world.roster.get(vmid)
    if taken is not None:
        raise die(f"unable to create VM {vmid} - VM {vmid} already exists on node '{taken.node}'")
    guest = LabGuest(vmid, node, {"lock": "create"})
    world.roster[vmid] = guest

    async def body(task: LabTask) -> None:
        try:
            await _fill(world, guest, changes)
        except (PveError, TaskError) as problem:
            for volume in own_volumes(world, guest):
                free(world, volume)
            world.roster.pop(vmid, None)
            raise TaskError(
                f"unable to create VM {vmid} - {getattr(problem, 'message', problem)}"
            ) from problem
        if values.get("pool"):
            world._pool_join(values["pool"], vmid)
        world.effect("create", node, vmid)
        if values.get("start"):
            guest.power("running", world.clock.now())
            world.effect("start", node, vmid)

    return await world.workers.start(node, "qmcreate", vmid, user, body, vmids=(vmid,))


async def _fill(world: LabCluster, guest: LabGuest, changes: dict[str, Any]) -> None:
    await world.clock.sleep(world.took("create", 0.5, 2, guest.vmid))
    for key, value in sorted(changes.items()):
        guest.config[key] = await ready_value(world, guest, key, value)
    guest.config["meta"] = f"creation-qemu=10.1.2,ctime={int(time.time())}"
    guest.config.setdefault("smbios1", f"uuid={uuid.uuid4()}")
    guest.config.setdefault("vmgenid", str(uuid.uuid4()))
    boot = default_boot(guest.config)
    if boot:
        guest.config.setdefault("boot", boot)
    guest.set_lock(None)
    world.note(guest)


def own_volumes(world: LabCluster, guest: LabGuest) -> list[LabVolume]:
    """Every volume that belongs to a guest and is named in its config or a snapshot."""
    volids = dict.fromkeys(
        v for config in (guest.config, *guest.snapshots.values()) for v in volumes_of(config)
    )
    found = (world.volume(guest.node, volid) for volid in volids)
    return [volume for volume in found if volume is not None and volume.vmid == guest.vmid]


@serves("DELETE", "/nodes/{node}/qemu/{vmid}")
async def destroy(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Destroy a stopped VM with its disks, firewall and rights; its id is free once the config is gone."""
    guest = world.find(values["node"], values["vmid"])
    vmid = guest.vmid
    if values.get("skiplock") and user != ROOT:
        raise param_error(skiplock="Only root may use this option.")
    if str(guest.config.get("protection", "0")) == "1":
        raise die(f"can't remove VM {vmid} - protection mode enabled")
    if guest.ha is not None and not values.get("purge"):
        raise die(f"unable to remove VM {vmid} - used in HA resources and purge parameter not set.")
    if guest.running:
        raise die(f"VM {vmid} is running - destroy failed")

    async def body(task: LabTask) -> None:
        path, refusal = world.flocks.config(vmid)
        async with world.flocks.hold(path, 10, refusal):
            if not values.get("skiplock"):
                world.check_unlocked_in_task(guest)
            if guest.running:
                raise TaskError(f"VM {vmid} is running - destroy failed")
            await _destroy(world, guest, task, values)

    return await world.workers.start(guest.node, "qmdestroy", vmid, user, body, vmids=(vmid,))


async def _destroy(world: LabCluster, guest: LabGuest, task: LabTask, values: dict[str, Any]) -> None:
    volumes = own_volumes(world, guest)
    for volume in volumes:
        if world.shelf.children(volume):
            raise TaskError(f"base volume '{volume.volid}' is still in use by linked cloned")
    quorum.check_write(world, guest.node, guest.vmid)
    guest.set_lock("destroyed")
    await world.clock.sleep(world.took("destroy", 1, 3, guest.vmid))
    if values.get("destroy-unreferenced-disks"):
        volumes += [v for v in _unreferenced(world, guest) if v not in volumes]
    for volume in volumes:
        if world.storages[volume.storage].get("active", 1):
            free(world, volume)
        else:
            reason = f"storage '{volume.storage}' is not online"
            task.warn(f"Could not remove disk '{volume.volid}', check manually: {reason}")
    if values.get("purge"):
        task.say(f"purging VM {guest.vmid} from related configurations..")
    world.roster.pop(guest.vmid, None)
    world._pool_leave(guest.vmid)
    world._fw()["guests"].pop(guest.vmid, None)
    world.access.forget(f"/vms/{guest.vmid}")
    world.effect("destroy", guest.node, guest.vmid)


def _unreferenced(world: LabCluster, guest: LabGuest) -> list[LabVolume]:
    """Images with the guest's id in their name that no config mentions."""
    mine = re.compile(rf"(?:^|/)(?:vm|base)-{guest.vmid}-")
    here = ("", guest.node)
    return [
        v
        for v in world.shelf.everything()
        if v.place in here and v.content == "images" and mine.search(v.name)
    ]
