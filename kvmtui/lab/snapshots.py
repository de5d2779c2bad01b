"""Snapshots: taking, deleting, going back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fakepve.model import TaskError
from fakepve.routing import die

from kvmtui.lab import quorum
from kvmtui.lab.configdisks import keep_unused
from kvmtui.lab.drives import disks_of, volumes_of
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.power import power_off
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import FILE_STORAGES, size_of
from kvmtui.lab.world import LabCluster, serves

PATH = "/nodes/{node}/qemu/{vmid}/snapshot"
ONE = PATH + "/{snapname}"
NOT_KEPT = ("lock", "description", "parent", "digest", "snapstate", "snaptime", "vmstate")
OF_SNAPSHOT = ("snapstate", "snaptime", "vmstate", "description")
SNAPSHOT_TYPES = ("lvmthin", "rbd", "zfspool", "btrfs")


@serves("GET", PATH)
async def snapshot_list(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Every snapshot and the pseudo-entry `current`."""
    guest = world.find(values["node"], values["vmid"])
    found = []
    for name, kept in guest.snapshots.items():
        item = {"name": name, "snaptime": kept["snaptime"], "description": kept.get("description", "")}
        item["vmstate"] = int(bool(kept.get("vmstate")))
        item |= {key: kept[key] for key in ("parent", "snapstate") if kept.get(key)}
        found.append(item)
    current = {"name": "current", "digest": guest.digest(), "running": int(guest.running)}
    current["description"] = "You are here!"
    if guest.config.get("parent"):
        current["parent"] = guest.config["parent"]
    return [*found, current]


async def _in_task(
    world: LabCluster,
    values: dict[str, Any],
    user: str,
    kind: str,
    lock: str,
    work: Callable[[LabGuest, LabTask], Awaitable[None]],
) -> str:
    """Run the work in a task that holds the config lock."""
    node, vmid = values["node"], int(values["vmid"])

    async def body(task: LabTask) -> None:
        path, refusal = world.flocks.config(vmid)
        async with world.flocks.hold(path, 10, refusal):
            guest = world.find(node, vmid)
            world.check_unlocked_in_task(guest)
            quorum.check_write(world, guest.node, guest.vmid)
            guest.set_lock(lock)
            try:
                await work(guest, task)
            except TaskError:
                guest.set_lock(None)
                raise
            guest.set_lock(None)

    return await world.workers.start(node, kind, vmid, user, body, vmids=(vmid,))


@serves("POST", PATH)
async def take(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Take a snapshot."""
    name = str(values["snapname"])
    if name == "current" or name.lower() == "pending":
        reserved = "current" if name == "current" else "pending"
        raise die(f"unable to use snapshot name '{reserved}' (reserved name)")
    world.find(values["node"], values["vmid"])

    async def work(guest: LabGuest, task: LabTask) -> None:
        if guest.template:
            raise TaskError("you can't take a snapshot if it's a template")
        if name in guest.snapshots:
            raise TaskError(f"snapshot name '{name}' already used")
        if not can_snapshot(world, guest):
            raise TaskError("snapshot feature is not available")
        kept = {k: v for k, v in guest.config.items() if k not in NOT_KEPT and not k.startswith("unused")}
        kept |= {"snaptime": int(world.clock.now()), "snapstate": "prepare"}
        if values.get("description"):
            kept["description"] = values["description"]
        if guest.config.get("parent"):
            kept["parent"] = guest.config["parent"]
        if values.get("vmstate") and guest.running:
            kept["vmstate"] = f"local-lvm:vm-{guest.vmid}-state-{name}"
        guest.snapshots[name] = kept
        for key, (volid, _) in disks_of(guest.config).items():
            task.say(f"snapshotting 'drive-{key}' ({volid})")
        await world.clock.sleep(world.took("snapshot", 1.5, 2.5, guest.vmid))
        kept.pop("snapstate")
        guest.descriptions[name] = guest.config.get("description")
        guest.config["parent"] = name
        world.effect("snapshot", guest.node, guest.vmid, name)

    return await _in_task(world, values, user, "qmsnapshot", "snapshot", work)


def can_snapshot(world: LabCluster, guest: LabGuest) -> bool:
    """Whether every disk lies where snapshots are possible."""
    for volid, _ in disks_of(guest.config).values():
        store = world.storages.get(volid.partition(":")[0], {})
        chain = bool(store.get("snapshot-as-volume-chain")) and store.get("type") == "lvm"
        qcow2 = store.get("type") in FILE_STORAGES and volid.endswith(".qcow2")
        if store.get("type") not in SNAPSHOT_TYPES and not qcow2 and not chain:
            return False
    return True


@serves("DELETE", ONE)
async def delete(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Delete a snapshot; its children hang on its parent then."""
    name = str(values["snapname"])

    async def work(guest: LabGuest, task: LabTask) -> None:
        if name not in guest.snapshots:
            raise TaskError(f"snapshot '{name}' does not exist")
        guest.snapshots[name]["snapstate"] = "delete"
        await world.clock.sleep(world.took("delsnapshot", 1, 2, guest.vmid))
        parent = guest.snapshots.pop(name).get("parent")
        guest.descriptions.pop(name, None)
        for kept in (*guest.snapshots.values(), guest.config):
            if kept.get("parent") == name:
                kept.pop("parent")
                if parent:
                    kept["parent"] = parent
        world.effect("snapshot-delete", guest.node, guest.vmid, name)

    return await _in_task(world, values, user, "qmdelsnapshot", "snapshot-delete", work)


@serves("POST", ONE + "/rollback")
async def rollback(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Go back to a snapshot: config, description and disks; the VM is stopped."""
    name = str(values["snapname"])
    if values.get("start"):
        world.require(user, f"/vms/{values['vmid']}", "VM.PowerMgmt")

    async def work(guest: LabGuest, task: LabTask) -> None:
        kept = guest.snapshots.get(name)
        if guest.template:
            raise TaskError("you can't rollback if vm is a template")
        if kept is None:
            raise TaskError(f"snapshot '{name}' does not exist")
        if kept.get("snapstate"):
            raise TaskError(f"unable to rollback to incomplete snapshot (snapstate = {kept['snapstate']})")
        if guest.running:
            power_off(world, guest, "stop")
        await world.clock.sleep(world.took("rollback", 1.5, 3, guest.vmid))
        _go_back(world, guest, name, kept)
        if values.get("start"):
            guest.power("running", world.clock.now())
            world.effect("start", guest.node, guest.vmid)

    return await _in_task(world, values, user, "qmrollback", "rollback", work)


def _go_back(world: LabCluster, guest: LabGuest, name: str, kept: dict[str, Any]) -> None:
    before = volumes_of(guest.config)
    unused = {k: v for k, v in guest.config.items() if k.startswith("unused")}
    guest.config = {k: v for k, v in kept.items() if k not in OF_SNAPSHOT} | unused
    guest.config |= {"parent": name, "lock": "rollback"}
    if guest.descriptions.get(name) is not None:
        guest.config["description"] = guest.descriptions[name]
    guest.pending = {}
    for volid, options in disks_of(guest.config).values():
        volume = world.volume(guest.node, volid)
        if volume is not None and options.get("size"):
            volume.size = size_of(options["size"])
    for volid in before:
        keep_unused(world, guest, volid)
    world.note(guest)
    world.effect("rollback", guest.node, guest.vmid, name)


@serves("GET", ONE + "/config")
async def snapshot_config(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """The config a snapshot holds."""
    return dict(_kept(world, values))


@serves("PUT", ONE + "/config")
async def snapshot_describe(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Change a snapshot's description."""
    if values.get("description") is not None:
        world.check_unlocked(world.find(values["node"], values["vmid"]))
        kept = _kept(world, values)
        quorum.check_write(world, values["node"], int(values["vmid"]))
        kept["description"] = values["description"]
        world.effect("snapshot-change", values["node"], int(values["vmid"]), str(values["snapname"]))


def _kept(world: LabCluster, values: dict[str, Any]) -> dict[str, Any]:
    guest = world.find(values["node"], values["vmid"])
    kept = guest.snapshots.get(values["snapname"])
    if kept is None:
        raise die(f"snapshot '{values['snapname']}' does not exist")
    return kept
