"""Starting and stopping: the status calls, how long they take, and what the state looks like meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fakepve.model import TaskError
from fakepve.routing import die, param_error

from kvmtui.lab import ha, quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.cloudinit import regenerate
from kvmtui.lab.configdisks import settle_pending
from kvmtui.lab.drives import drive_keys, split
from kvmtui.lab.guests import Guest
from kvmtui.lab.tasks import Task
from kvmtui.lab.usage import cores_of, usage
from kvmtui.lab.world import World, serves

QEMU = "/nodes/{node}/qemu"
STATUS = QEMU + "/{vmid}/status"
SHUTDOWN_SECONDS = 60
# What these calls ask of the HA manager when it manages the guest.
HA_REQUESTS = {"start": "running", "stop": "stopped", "shutdown": "stopped"}
Work = Callable[[World, Guest, Task, dict[str, Any]], Awaitable[None]]


@serves("GET", QEMU)
async def guest_list(world: World, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The VMs of a node the user may see."""
    seen = (g for g in world.roster.values() if g.node == values["node"])
    return [_status(world, guest) for guest in seen if world.allowed(user, guest.path, "VM.Audit")]


@serves("GET", STATUS + "/current")
async def current(world: World, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One VM as it is at this moment."""
    guest = world.find(values["node"], values["vmid"])
    agent = str(guest.config.get("agent", "0")).split(",")[0].removeprefix("enabled=")
    item = {
        **_status(world, guest),
        "qmpstatus": guest.qmpstatus,
        "ha": {"managed": int(guest.ha_managed), **(guest.ha or {})},
    }
    if agent == "1":
        item["agent"] = 1
    if guest.running:
        item |= {
            "running-machine": "pc-i440fx-10.1+pve0",
            "running-qemu": "10.1.2",
            "balloon": item["maxmem"],
        }
    if world.dialect.major >= 9:
        item["memhost"] = item["mem"]
        item |= {f"pressure{kind}{how}": 0 for kind in ("cpu", "io", "memory") for how in ("some", "full")}
    return item


def _status(world: World, guest: Guest) -> dict[str, Any]:
    item: dict[str, Any] = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": guest.status,
        "cpus": cores_of(guest),
    }
    item |= usage(world, guest, world.clock.now())
    if guest.running:
        item["pid"] = 100_000 + guest.vmid
    if guest.template:
        item["template"] = 1
    for key, value in (("lock", guest.lock), ("tags", guest.config.get("tags"))):
        if value:
            item[key] = value
    return item


def _action(name: str, kind: str, work: Work, *, needs_running: bool = False) -> None:
    """Serve one status call: a task that holds the config lock for its whole time."""

    @serves("POST", f"{STATUS}/{name}")
    async def answer(world: World, values: dict[str, Any], user: str) -> str:
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

        async def body(task: Task) -> None:
            guest = _in_task(world, node, vmid, name)
            path, refusal = world.flocks.config(vmid)
            async with world.flocks.hold(path, 10, refusal):
                if not values.get("skiplock"):
                    world.check_unlocked_in_task(guest)
                await work(world, guest, task, values)

        if name == "stop" and values.get("overrule-shutdown"):
            _abort_shutdowns(world, vmid)
        return await world.workers.start(node, kind, vmid, user, body, vmids=(vmid,))


def _in_task(world: World, node: str, vmid: int, name: str) -> Guest:
    guest = world.roster.get(vmid)
    if guest is not None and guest.node == node:
        return guest
    if name == "start":
        raise TaskError(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")
    raise TaskError(f"unable to find configuration file for VM {vmid} on node '{node}'")


def _abort_shutdowns(world: World, vmid: int) -> None:
    for task in world.workers.running():
        if task.type == "qmshutdown" and vmid in task.vmids:
            world.workers.kill(task)


async def _start(world: World, guest: Guest, task: Task, values: dict[str, Any]) -> None:
    if guest.template:
        raise TaskError("you can't start a vm if it's a template")
    if guest.running:
        raise TaskError(f"VM {guest.vmid} already running")
    for key in drive_keys(guest.config):
        volid = split(guest.config[key])[0]
        if ":" in volid and world.volume(guest.node, volid) is None:
            raise TaskError(f"volume '{volid}' does not exist")
    settle_pending(world, guest)
    regenerate(guest)
    await world.clock.sleep(world.took("start", 2, 8, guest.vmid))
    guest.power("running", world.clock.now())
    world.effect("start", guest.node, guest.vmid)


async def _stop(world: World, guest: Guest, task: Task, values: dict[str, Any]) -> None:
    if not guest.running:
        return
    await world.clock.sleep(world.took("stop", 0.5, 2, guest.vmid))
    power_off(world, guest, "stop")


def power_off(world: World, guest: Guest, how: str) -> None:
    """Switch a guest off; what waited for the next start is taken over."""
    guest.power("stopped", world.clock.now())
    settle_pending(world, guest)
    world.effect(how, guest.node, guest.vmid)


async def _shutdown(world: World, guest: Guest, task: Task, values: dict[str, Any]) -> None:
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


async def _reboot(world: World, guest: Guest, task: Task, values: dict[str, Any]) -> None:
    await _shutdown(world, guest, task, values)
    await _start(world, guest, task, values)


async def _reset(world: World, guest: Guest, task: Task, values: dict[str, Any]) -> None:
    world.effect("reset", guest.node, guest.vmid)


async def _suspend(world: World, guest: Guest, task: Task, values: dict[str, Any]) -> None:
    guest.qmpstatus = "paused"
    world.effect("suspend", guest.node, guest.vmid)


async def _resume(world: World, guest: Guest, task: Task, values: dict[str, Any]) -> None:
    guest.qmpstatus = guest.status
    world.effect("resume", guest.node, guest.vmid)


_action("start", "qmstart", _start)
_action("stop", "qmstop", _stop)
_action("shutdown", "qmshutdown", _shutdown)
_action("reboot", "qmreboot", _reboot, needs_running=True)
_action("reset", "qmreset", _reset, needs_running=True)
_action("suspend", "qmsuspend", _suspend, needs_running=True)
_action("resume", "qmresume", _resume, needs_running=True)
