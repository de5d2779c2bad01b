"""Backups: vzdump writes archives, a restore makes a VM of one."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from fakepve.model import PveError, TaskError
from fakepve.routing import die, param_error, split_list

from kvmtui.lab import quorum
from kvmtui.lab.disks import allocate, allocate_cloudinit, free
from kvmtui.lab.drives import (
    DRIVE,
    NIC,
    drive_keys,
    is_cdrom,
    is_cloudinit,
    join,
    split,
    volumes_of,
    with_mac,
)
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.power import check_bridges
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import LabVolume, size_of, size_text
from kvmtui.lab.world import COPY_BYTES_PER_SECOND, LabCluster, serves

EXTENSIONS = {"zstd": ".zst", "gzip": ".gz", "1": ".lzo", "lzo": ".lzo", "0": ""}
# A node runs one vzdump at a time; the next one waits three hours for it.
WAIT_SECONDS = 3 * 3600


@serves("POST", "/nodes/{node}/vzdump")
async def vzdump(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Back up the VMs named; the text "OK" and no task when none of them is on this node."""
    node = values["node"]
    vmids = [int(vmid) for vmid in split_list(values.get("vmid"))]
    if not vmids:
        raise param_error(vmid="property is missing")
    storage = str(values.get("storage", "local"))
    if values.get("notes-template") and not values.get("storage"):
        raise param_error(storage="missing property required by 'notes-template'")
    for vmid in vmids:
        world.require(user, f"/vms/{vmid}", "VM.Backup")
    if values.get("prune-backups"):
        world.require(user, f"/storage/{storage}", "Datastore.Allocate")
    elsewhere = [vmid for vmid in vmids if vmid in world.roster and world.roster[vmid].node != node]
    local = [vmid for vmid in vmids if vmid not in elsewhere]
    if values.get("stop") and world.dialect.checks_backup_stop:
        world.require(user, f"/nodes/{node}", "Sys.Modify")
    if not local:
        return "OK"
    world.require(user, f"/storage/{storage}", "Datastore.AllocateSpace")

    async def body(task: LabTask) -> None:
        lock = "/var/run/vzdump.lock"
        async with world.flocks.hold(
            f"{node}:{lock}", WAIT_SECONDS, f"can't acquire lock '{lock}' - got timeout"
        ):
            await _run(world, node, local, storage, values, task)

    ident = local[0] if len(local) == 1 else ""
    return await world.workers.start(node, "vzdump", ident, user, body, vmids=vmids)


async def _run(
    world: LabCluster, node: str, vmids: list[int], storage: str, values: dict[str, Any], task: LabTask
) -> None:
    _check_target(world, storage, node)
    options = [f"--{name} {value}" for name, value in sorted(values.items()) if name not in ("vmid", "node")]
    shown = " ".join(str(vmid) for vmid in vmids)
    task.say(f"INFO: starting new backup job: vzdump {shown} {' '.join(options)} --node {node}")
    failed = False
    for vmid in vmids:
        try:
            guest = world.roster.get(vmid)
            if guest is None:
                raise TaskError(f"unable to find VM '{vmid}'")
            await _back_up(world, guest, storage, values, task)
            task.say(f"INFO: Finished Backup of VM {vmid} (00:00:{int(world.took('secs', 1, 59)):02d})")
        except (TaskError, PveError) as problem:
            failed = True
            task.say(f"ERROR: Backup of VM {vmid} failed - {getattr(problem, 'message', problem)}")
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(world.clock.now()))
            task.say(f"INFO: Failed at {moment}")
    task.say("INFO: Backup job finished with errors" if failed else "INFO: Backup job finished successfully")
    if failed:
        raise TaskError("job errors")


def _check_target(world: LabCluster, storage: str, node: str) -> None:
    try:
        store = world._active_store(storage, node)
    except PveError as problem:
        text = f"could not activate storage '{storage}': {problem.message}"
        if storage not in world.storages:
            text += f" could not get storage information for '{storage}': {problem.message}"
        raise TaskError(text) from problem
    if "backup" not in split_list(store.get("content")):
        text = f"can't use storage '{storage}' for backups - wrong content type"
        raise TaskError(f"could not get storage information for '{storage}': {text}")


async def _back_up(
    world: LabCluster, guest: LabGuest, storage: str, values: dict[str, Any], task: LabTask
) -> None:
    task.say(f"INFO: Starting Backup of VM {guest.vmid} (qemu)")
    path, refusal = world.flocks.config(guest.vmid)
    async with world.flocks.hold(path, 10, refusal):
        world.check_unlocked_in_task(guest)
        quorum.check_write(world, guest.node, guest.vmid)
        guest.set_lock("backup")
    world.effect("backup-begin", guest.node, guest.vmid)
    if not guest.running and not guest.template:
        try:
            check_bridges(world, guest, task)
        except TaskError:
            guest.set_lock(None)
            task.say(f"ERROR: VM {guest.vmid} not running")
            task.say(f"VM {guest.vmid} not running")
            raise
    used = _data_of(world, guest)
    total, taken = world.free_space(storage, guest.node)
    await world.clock.sleep(max(2.0, used / COPY_BYTES_PER_SECOND))
    guest.set_lock(None)
    if taken + used > total:
        raise TaskError("vma_queue_write: write error - Broken pipe")
    volume = _archive(world, guest, storage, used, values)
    task.say(f"INFO: creating vzdump archive '{world._volume_path(storage, volume.name, 'backup')}'")
    world.effect("backup", guest.node, guest.vmid, volume.volid)
    _prune(world, guest, storage, str(values.get("prune-backups", "")), task)


def _data_of(world: LabCluster, guest: LabGuest) -> int:
    volumes = (world.volume(guest.node, split(guest.config[key])[0]) for key in _backed_up(guest.config))
    return sum(max(v.used, v.size // 10) for v in volumes if v is not None)


def _backed_up(config: dict[str, Any]) -> list[str]:
    keys = (key for key in drive_keys(config) if not is_cdrom(config[key]))
    return [key for key in keys if split(config[key])[1].get("backup", "1") not in ("0", "no", "off")]


def _archive(
    world: LabCluster, guest: LabGuest, storage: str, used: int, values: dict[str, Any]
) -> LabVolume:
    extension = "vma" + EXTENSIONS.get(str(values.get("compress", "0")), "")
    moment = world.clock.now()
    place = world.place(storage, guest.node)
    while True:
        stamp = time.strftime("%Y_%m_%d-%H_%M_%S", time.gmtime(moment))
        name = f"backup/vzdump-qemu-{guest.vmid}-{stamp}.{extension}"
        if world.shelf.find(place, storage, name) is None:
            break
        moment += 1
    keep = {k: v for k, v in guest.config.items() if k not in ("lock", "parent", "template")}
    keep = {k: v for k, v in keep.items() if k in _backed_up(keep) or not DRIVE.match(k) or is_cdrom(v)}
    volume = LabVolume(place, storage, name, used, extension, "backup", guest.vmid, used, int(moment))
    volume.config = json.dumps(keep)
    volume.notes = _notes(world, guest, str(values.get("notes-template", ""))) or None
    volume.protected = bool(values.get("protected"))
    return world.shelf.add(volume)


def _notes(world: LabCluster, guest: LabGuest, template: str) -> str:
    known = {
        "cluster": world.cluster_name,
        "guestname": guest.name,
        "node": guest.node,
        "vmid": str(guest.vmid),
    }
    filled = re.sub(r"\{\{(\w+)\}\}", lambda m: known.get(m[1], m[0]), template)
    return filled.replace("\\n", "\n").replace("\\\\", "\\")


def _prune(world: LabCluster, guest: LabGuest, storage: str, rule: str, task: LabTask) -> None:
    keep = re.search(r"keep-last=(\d+)", rule)
    if keep is None:
        return
    mine = [v for v in world.shelf.on(world.place(storage, guest.node), storage) if v.vmid == guest.vmid]
    old = sorted((v for v in mine if v.content == "backup" and not v.protected), key=lambda v: v.ctime)
    for volume in old[: max(0, len(old) - int(keep[1]))]:
        free(world, volume)
        task.say(f"INFO: prune older backup '{volume.volid}'")


@dataclass(slots=True)
class _Restore:
    """A restore that was accepted."""

    guest: LabGuest | None
    vmid: int
    node: str
    archive: LabVolume
    storage: str | None
    unique: bool
    start: bool
    changes: dict[str, Any]


async def restore(world: LabCluster, values: dict[str, Any], changes: dict[str, Any], user: str) -> str:
    """Make a VM of an archive, over an existing one only when forced and on its own node."""
    node, vmid, volid = values["node"], int(values["vmid"]), str(values["archive"])
    for key in changes:
        if DRIVE.match(key):
            raise param_error(**{key: "option conflicts with option 'archive'"})
    there = world.roster.get(vmid)
    storage, _, name = volid.partition(":")
    kind, owner, _ = world._parse_volname(world._store(storage), name)
    world._check_access(user, storage, kind, owner, volid)
    archive = world.volume(node, volid)
    if archive is None or archive.content != "backup":
        raise die(f"volume '{volid}' does not exist")
    if there is not None:
        world.require(user, f"/vms/{vmid}", "VM.Backup")
    if values.get("storage"):
        world.require(user, f"/storage/{values['storage']}", "Datastore.AllocateSpace")
        world.store_for(str(values["storage"]), node, "images")
    if there is not None and (there.node != node or not values.get("force")):
        raise die(f"unable to restore VM {vmid} - VM {vmid} already exists on node '{there.node}'")
    if there is not None and str(there.config.get("protection", "0")) == "1":
        raise die(f"unable to restore VM {vmid} - protection mode enabled")
    flags = (bool(values.get("unique")), bool(values.get("start")))
    order = _Restore(there, vmid, node, archive, values.get("storage"), *flags, changes)

    async def body(task: LabTask) -> None:
        path, refusal = world.flocks.config(vmid)
        async with world.flocks.hold(path, 10, refusal):
            await _restore(world, order, task, user)

    return await world.workers.start(node, "qmrestore", vmid, user, body, vmids=(vmid,))


async def _restore(world: LabCluster, order: _Restore, task: LabTask, user: str) -> None:
    guest = order.guest
    if guest is not None:
        if guest.running:
            raise TaskError(f"unable to restore VM {order.vmid} - vm is running")
        world.check_unlocked_in_task(guest)
        _clear(world, guest)
    else:
        guest = world.roster[order.vmid] = LabGuest(order.vmid, order.node, agent={})
    guest.set_lock("create")
    world.effect("restore-begin", guest.node, guest.vmid, order.archive.volid)
    task.say(f"restore vma archive: {order.archive.volid}")
    config = dict(json.loads(order.archive.config)) | order.changes
    for key, value in config.items():
        guest.config[key] = await _restored(world, order, key, value)
    guest.config["lock"] = "create"
    await world.clock.sleep(max(1.0, order.archive.used / COPY_BYTES_PER_SECOND))
    guest.set_lock(None)
    world.note(guest)
    world.effect("restore", guest.node, guest.vmid, order.archive.volid)
    if order.start:
        guest.power("running", world.clock.now())
        world.effect("start", guest.node, guest.vmid)


def _clear(world: LabCluster, guest: LabGuest) -> None:
    """Drop the disks and snapshots the restore replaces; unused volumes stay."""
    for config in (guest.config, *guest.snapshots.values()):
        for volid in volumes_of({k: v for k, v in config.items() if DRIVE.match(k)}):
            volume = world.volume(guest.node, volid)
            if volume is not None and volume.vmid == guest.vmid:
                free(world, volume)
    guest.snapshots.clear()
    guest.pending.clear()
    guest.config = {k: v for k, v in guest.config.items() if k.startswith("unused")}


async def _restored(world: LabCluster, order: _Restore, key: str, value: Any) -> Any:
    if NIC.fullmatch(key):
        return with_mac(value, fresh=order.unique)
    if not DRIVE.match(key) or (is_cdrom(value) and not is_cloudinit(value)):
        return value
    volid, options = split(value)
    storage = order.storage or volid.partition(":")[0]
    if is_cloudinit(value):
        drive = await allocate_cloudinit(world, order.node, storage, order.vmid)
        return join(drive.volid, options)
    size = size_of(options.get("size", "0"))
    volume = await allocate(world, order.node, storage, order.vmid, size, used=size // 10)
    return join(volume.volid, {**options, "size": size_text(size)})
