"""Starting, stopping and resetting: the calls that change the state of a VM, and how long they take."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from fakepve.model import TaskError
from fakepve.routing import die, param_error

from kvmtui.lab import ha, quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.cloudinit import drive_of, regenerate
from kvmtui.lab.configdisks import settle_pending
from kvmtui.lab.disks import free
from kvmtui.lab.drives import NIC, drive_keys, split
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.world import LabCluster, serves

QEMU = "/nodes/{node}/qemu"
STATUS = QEMU + "/{vmid}/status"
SHUTDOWN_SECONDS = 60
# What these calls ask of the HA manager when it manages the guest.
HA_REQUESTS = {"start": "running", "stop": "stopped", "shutdown": "stopped"}
Work = Callable[[LabCluster, LabGuest, LabTask, dict[str, Any]], Awaitable[None]]


def _action(name: str, kind: str, work: Work, *, needs_running: bool = False) -> None:
    """Serve one status call: a task that holds the config lock for its whole time."""

    @serves("POST", f"{STATUS}/{name}")
    async def answer(world: LabCluster, values: dict[str, Any], user: str) -> str:
        node, vmid = values["node"], int(values["vmid"])
        if values.get("skiplock") and user != ROOT:
            raise param_error(skiplock="Only root may use this option.")
        if name == "start":
            quorum.check(world)
        managed = world.roster.get(vmid)
        if managed is not None and managed.node == node and managed.ha_managed and name in HA_REQUESTS:
            return await ha.request_power(world, managed, HA_REQUESTS[name], user)
        if needs_running and not world.find(node, vmid).running:
            raise die(f"VM {vmid} not running")
        if name == "shutdown" and managed is not None and managed.qmpstatus == "paused":
            raise die("VM is paused - cannot shutdown")

        async def body(task: LabTask) -> None:
            guest = _in_task(world, node, vmid, name)
            path, refusal = world.flocks.config(vmid)
            async with world.flocks.hold(path, 10, refusal):
                suspended = name in ("start", "stop") and guest.lock == "suspended"
                if not values.get("skiplock") and not suspended:
                    world.check_unlocked_in_task(guest)
                await work(world, guest, task, values)

        if name == "stop" and values.get("overrule-shutdown"):
            _abort_shutdowns(world, vmid)
        return await world.workers.start(node, kind, vmid, user, body, vmids=(vmid,))


def _in_task(world: LabCluster, node: str, vmid: int, name: str) -> LabGuest:
    guest = world.roster.get(vmid)
    if guest is not None and guest.node == node:
        return guest
    if name == "start":
        raise TaskError(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")
    raise TaskError(f"unable to find configuration file for VM {vmid} on node '{node}'")


def _abort_shutdowns(world: LabCluster, vmid: int) -> None:
    for task in world.workers.running():
        if task.type == "qmshutdown" and vmid in task.vmids:
            world.workers.interrupt(task)


def _forget_state(world: LabCluster, guest: LabGuest) -> None:
    """A start from a saved state deletes it."""
    volid = guest.config.pop("vmstate", None)
    for key in ("runningmachine", "runningcpu", "lock"):
        guest.config.pop(key, None)
    volume = world.volume(guest.node, str(volid)) if volid else None
    if volume is not None:
        free(world, volume)


async def start(world: LabCluster, guest: LabGuest, task: LabTask, values: dict[str, Any]) -> None:
    """Start a VM inside a task that holds its config lock."""
    if guest.template:
        raise TaskError("you can't start a vm if it's a template")
    if guest.running:
        raise TaskError(f"VM {guest.vmid} already running")
    for key in drive_keys(guest.config):
        volid = split(guest.config[key])[0]
        if ":" in volid and world.volume(guest.node, volid) is None:
            raise TaskError(f"volume '{volid}' does not exist")
    if guest.lock == "suspended":
        task.say("Resuming suspended VM")
        _forget_state(world, guest)
    settle_pending(world, guest)
    check_bridges(world, guest, task)
    if drive_of(guest):
        task.say("generating cloud-init ISO")
    regenerate(guest)
    await world.clock.sleep(world.took("start", 2, 8, guest.vmid))
    _check_there(world, guest)
    guest.power("running", world.clock.now())
    world.effect("start", guest.node, guest.vmid)


def check_bridges(world: LabCluster, guest: LabGuest, task: LabTask) -> None:
    """A card on a bridge the node does not have: a start fails, in the words of each version."""
    for key in sorted(k for k in guest.config if NIC.fullmatch(k)):
        bridge = re.search(r"(?:^|,)bridge=([^,]+)", str(guest.config[key]))
        if bridge is None or bridge[1] in world.nodes[guest.node]["bridges"]:
            continue
        text = f"bridge '{bridge[1]}' does not exist"
        if world.dialect.major >= 9:
            raise TaskError(text)
        tap = f"tap{guest.vmid}i{key[3:]}"
        script = "/var/lib/qemu-server/pve-bridge"
        task.say(text)
        task.say(
            f"kvm: -netdev type=tap,id={key},ifname={tap},script={script}: network script {script} failed"
        )
        raise TaskError("start failed: QEMU exited with code 1")


async def _stop(world: LabCluster, guest: LabGuest, task: LabTask, values: dict[str, Any]) -> None:
    if not guest.running:
        return
    await world.clock.sleep(world.took("stop", 0.5, 2, guest.vmid))
    power_off(world, guest, "stop")


def _check_there(world: LabCluster, guest: LabGuest) -> None:
    """A guest that was deleted during its task is not taken for the one that has its number now."""
    if world.roster.get(guest.vmid) is not guest:
        raise TaskError(
            f"Configuration file 'nodes/{guest.node}/qemu-server/{guest.vmid}.conf' does not exist"
        )


def power_off(world: LabCluster, guest: LabGuest, how: str) -> None:
    """Switch a guest off; what waited for the next start is taken over."""
    _check_there(world, guest)
    guest.power("stopped", world.clock.now())
    settle_pending(world, guest)
    world.effect(how, guest.node, guest.vmid)


async def _shutdown(world: LabCluster, guest: LabGuest, task: LabTask, values: dict[str, Any]) -> None:
    if not guest.running:
        return
    if guest.qmpstatus == "paused":
        raise TaskError("VM is paused - cannot shutdown")
    patience = float(values.get("timeout") or SHUTDOWN_SECONDS)
    needed = world.took("shutdown", 3, 10, guest.vmid)
    if guest.deaf or needed > patience:
        await world.clock.sleep(patience)
        if not values.get("forceStop"):
            raise TaskError("VM quit/powerdown failed - got timeout")
        task.say("VM still running - terminating now with SIGTERM")
    else:
        await world.clock.sleep(needed)
    power_off(world, guest, "shutdown")


async def _reboot(world: LabCluster, guest: LabGuest, task: LabTask, values: dict[str, Any]) -> None:
    await _shutdown(world, guest, task, values)
    await start(world, guest, task, values)


async def _reset(world: LabCluster, guest: LabGuest, task: LabTask, values: dict[str, Any]) -> None:
    world.effect("reset", guest.node, guest.vmid)


_action("start", "qmstart", start)
_action("stop", "qmstop", _stop)
_action("shutdown", "qmshutdown", _shutdown)
_action("reboot", "qmreboot", _reboot, needs_running=True)
_action("reset", "qmreset", _reset, needs_running=True)
