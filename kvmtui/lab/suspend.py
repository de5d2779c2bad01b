"""Pausing a VM, suspending it to disk, and letting it run again."""

from __future__ import annotations

import time
from typing import Any

from fakepve.model import PveError, TaskError
from fakepve.routing import die, param_error

from kvmtui.lab import quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.disks import allocate
from kvmtui.lab.drives import disks_of
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.power import STATUS, start
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.usage import memory_of
from kvmtui.lab.world import LabCluster, serves


def _state_storage(world: LabCluster, guest: LabGuest) -> str:
    """Where the memory of a VM is saved: what its config names, a shared storage of its disks, or the first one."""
    named = guest.config.get("vmstatestorage")
    if named:
        return str(named)
    used = [volid.partition(":")[0] for volid, _ in disks_of(guest.config).values()]
    shared = [name for name in used if world.storages.get(name, {}).get("shared")]
    return next(iter([*shared, *used]), "local")


def _running(world: LabCluster, node: str, vmid: int) -> LabGuest:
    guest = world.roster.get(vmid)
    if guest is None or guest.node != node:
        raise die(f"unable to find configuration file for VM {vmid} on node '{node}'")
    if not guest.running:
        raise die(f"VM {vmid} not running")
    return guest


@serves("POST", STATUS + "/suspend")
async def suspend(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Pause a VM, or with `todisk` save its memory and switch it off until the next start."""
    node, vmid, to_disk = values["node"], int(values["vmid"]), bool(values.get("todisk"))
    if values.get("skiplock") and user != ROOT:
        raise param_error(skiplock="Only root may use this option.")
    guest = _running(world, node, vmid)
    storage = ""
    if to_disk:
        if guest.ha_managed:
            raise die("Cannot suspend HA managed VM to disk")
        world.require(user, guest.path, "VM.Config.Disk")
        storage = str(values.get("statestorage") or _state_storage(world, guest))
        world.require(user, f"/storage/{storage}", "Datastore.AllocateSpace")

    async def body(task: LabTask) -> None:
        path, refusal = world.flocks.config(vmid)
        async with world.flocks.hold(path, 10, refusal):
            if not values.get("skiplock"):
                world.check_unlocked_in_task(guest)
            if to_disk:
                quorum.check_write(world, node, vmid)
                await _to_disk(world, guest, storage)
            else:
                guest.qmpstatus = "paused"
                world.effect("suspend", node, vmid)

    kind = "qmsuspend" if to_disk else "qmpause"
    return await world.workers.start(node, kind, vmid, user, body, vmids=(vmid,))


async def _to_disk(world: LabCluster, guest: LabGuest, storage: str) -> None:
    guest.set_lock("suspending")
    stamp = time.strftime("%Y-%m-%d", time.gmtime(world.clock.now()))
    try:
        size = 2 * memory_of(guest)
        state = await allocate(world, guest.node, storage, guest.vmid, size, name=f"state-suspend-{stamp}")
        await world.clock.sleep(world.took("suspend", 2, 6, guest.vmid))
    except (PveError, TaskError) as problem:
        guest.set_lock(None)
        raise TaskError(getattr(problem, "message", str(problem))) from problem
    guest.config |= {"vmstate": state.volid, "runningmachine": "pc-i440fx-10.2+pve0", "lock": "suspended"}
    guest.power("stopped", world.clock.now())
    world.effect("suspend", guest.node, guest.vmid, state.volid)


@serves("POST", STATUS + "/resume")
async def resume(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Let a paused VM run again, or start one that was suspended to disk."""
    node, vmid = values["node"], int(values["vmid"])
    for name in ("skiplock", "nocheck"):
        if values.get(name) and user != ROOT:
            raise param_error(**{name: "Only root may use this option."})
    held = world.roster.get(vmid)
    suspended = held is not None and held.node == node and held.lock == "suspended"
    guest = held if suspended and held is not None else _running(world, node, vmid)

    async def body(task: LabTask) -> None:
        path, refusal = world.flocks.config(vmid)
        async with world.flocks.hold(path, 10, refusal):
            if suspended:
                await start(world, guest, task, values)
                return
            if not values.get("skiplock"):
                world.check_unlocked_in_task(guest)
            guest.qmpstatus = guest.status
            world.effect("resume", node, vmid)

    return await world.workers.start(node, "qmresume", vmid, user, body, vmids=(vmid,))
