"""Moving a VM to another node: the precheck, what is refused at once, and the copying."""

from __future__ import annotations

from typing import Any

from fakepve.model import PveError, TaskError
from fakepve.routing import die, param_error, split_list

from kvmtui.lab import ha, quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.disks import allocate, copy_time, free
from kvmtui.lab.drives import drive_keys, is_cdrom, is_cloudinit, join, split, volumes_of
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import LabVolume
from kvmtui.lab.world import LabCluster, serves

PATH = "/nodes/{node}/qemu/{vmid}/migrate"
OFFLINE_TYPES = ("dir", "btrfs", "zfspool", "lvmthin", "lvm")
ROOT_ONLY = ("force", "migration_type", "migration_network", "skiplock")


def _local_volumes(world: LabCluster, guest: LabGuest) -> dict[str, LabVolume]:
    """The volumes that would have to be copied, by id."""
    found: dict[str, LabVolume] = {}
    for config in (guest.config, *guest.snapshots.values()):
        for volid in volumes_of(config):
            volume = world.volume(guest.node, volid)
            if volume is not None and volume.place:
                found[volid] = volume
    return found


def _missing_storages(world: LabCluster, guest: LabGuest, target: str) -> list[str]:
    used = {volid.partition(":")[0] for volid in volumes_of(guest.config)}
    return sorted(sid for sid in used if sid in world.storages and not _available(world, sid, target))


def _available(world: LabCluster, storage: str, node: str) -> bool:
    nodes = split_list(world.storages[storage].get("nodes"))
    return not nodes or node in nodes


@serves("GET", PATH)
async def precheck(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """What a migration would find: where it may go and which disks are local."""
    quorum.check(world)
    guest = world.find(values["node"], values["vmid"])
    world.check_unlocked(guest)
    others = [name for name, state in world.nodes.items() if name != guest.node and state["online"]]
    missing = {name: gone for name in others if (gone := _missing_storages(world, guest, name))}
    disks = [_disk(world, guest, volid, volume) for volid, volume in _local_volumes(world, guest).items()]
    item: dict[str, Any] = {"running": int(guest.running), "local_disks": disks, "local_resources": []}
    item |= {"mapped-resources": [], "mapped-resource-info": {}}
    item["allowed_nodes"] = [name for name in others if name not in missing]
    item["not_allowed_nodes"] = {name: {"unavailable_storages": gone} for name, gone in missing.items()}
    if world.dialect.major >= 9:
        item["has-dbus-vmstate"] = 1
    if guest.ha_managed:
        item["dependent-ha-resources"] = []
    return item


def _disk(world: LabCluster, guest: LabGuest, volid: str, volume: LabVolume) -> dict[str, Any]:
    """A local disk as the precheck lists it."""
    key = next((k for k, v in guest.config.items() if isinstance(v, str) and split(v)[0] == volid), "")
    item: dict[str, Any] = {
        "volid": volid,
        "size": volume.size,
        "drivename": key,
        "replicate": 1,
        "shared": 0,
    }
    item |= {"cdrom": int(is_cdrom(guest.config.get(key, ""))), "is_tpmstate": int(key == "tpmstate0")}
    item |= {
        "is_attached": 1,
        "is_vmstate": int(key == "vmstate"),
        "is_unused": int(key.startswith("unused")),
    }
    if world.dialect.major >= 9:
        item["is_cloudinit"] = int(is_cloudinit(guest.config.get(key, "")))
    return item


@serves("POST", PATH)
async def migrate(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Move a VM in a task; what can be refused at once is."""
    node, target = values["node"], str(values["target"])
    if target == node:
        raise param_error(target="target is local node.")
    for name in ROOT_ONLY:
        if values.get(name) and user != ROOT:
            raise param_error(**{name: "Only root may use this option."})
    if target not in world.nodes:
        raise die(f"no such cluster node '{target}'")
    quorum.check(world)
    guest = world.find(node, values["vmid"])
    world.check_unlocked(guest)
    if guest.running and not values.get("online"):
        raise die("can't migrate running VM without --online")
    mapping = _mapping(world, str(values.get("targetstorage") or ""), target, user)
    if not mapping:
        for storage in _missing_storages(world, guest, target):
            raise die(f"storage '{storage}' is not available on node '{target}'")

    if guest.ha_managed:
        return await ha.request_migration(world, guest, target, user)

    async def body(task: LabTask) -> None:
        lock = f"/var/lock/pve-manager/pve-migrate-{guest.vmid}"
        async with world.flocks.hold(lock, 10, f"can't lock file '{lock}' - got timeout"):
            await _migrate(world, guest, target, mapping, bool(values.get("with-local-disks")), task)

    return await world.workers.start(node, "qmigrate", guest.vmid, user, body, vmids=(guest.vmid,))


def _mapping(world: LabCluster, text: str, target: str, user: str) -> dict[str, str]:
    """Which storage each one becomes on the target; the empty key stands for all the rest."""
    mapping: dict[str, str] = {}
    for part in split_list(text):
        source, colon, goal = part.partition(":")
        if not colon:
            source, goal = "", source
        if source in mapping:
            raise param_error(targetstorage=f"failed to parse storage map: duplicate mapping '{source}'")
        mapping[source] = goal
        if goal != "1":
            world.require(user, f"/storage/{goal}", "Datastore.AllocateSpace")
            store = world._check_enabled(goal, target)
            if "images" not in split_list(store.get("content")):
                raise die(f"storage '{goal}' does not support vm images")
    return mapping


def _goal(mapping: dict[str, str], storage: str) -> str:
    goal = mapping.get(storage, mapping.get("", "1"))
    return storage if goal == "1" else goal


async def _migrate(
    world: LabCluster, guest: LabGuest, target: str, mapping: dict[str, str], with_disks: bool, task: LabTask
) -> None:
    source = guest.node
    task.say(f"starting migration of VM {guest.vmid} to node '{target}' ({world.address(target)})")
    path, refusal = world.flocks.config(guest.vmid)
    made: list[LabVolume] = []
    async with world.flocks.hold(path, 10, refusal):
        world.check_unlocked_in_task(guest)
        guest.set_lock("migrate")
        try:
            if not world.nodes[target]["online"]:
                raise TaskError(
                    f"Can't connect to destination address using public key: node '{target}' is offline"
                )
            local = _local_volumes(world, guest)
            _check_movable(world, guest, local, mapping, with_disks, task)
            renamed = await _copy(world, guest, target, mapping, local, made, task)
        except (TaskError, PveError) as problem:
            for volume in made:
                free(world, volume)
            guest.set_lock(None)
            task.say(f"ERROR: migration aborted: {getattr(problem, 'message', problem)}")
            world.effect("migrate-undone", source, guest.vmid, target)
            raise TaskError("migration aborted") from problem
        _move(world, guest, target, local, renamed)
        task.say("migration finished successfully (duration 00:00:12)")


def _check_movable(
    world: LabCluster,
    guest: LabGuest,
    local: dict[str, LabVolume],
    mapping: dict[str, str],
    with_disks: bool,
    task: LabTask,
) -> None:
    problems = []
    for key in drive_keys(guest.config):
        volume = local.get(split(guest.config[key])[0])
        if volume is not None and is_cdrom(guest.config[key]) and not is_cloudinit(guest.config[key]):
            problems.append(f"can't migrate local cdrom '{volume.volid}': local cdrom image")
    disks = [v for v in local.values() if v.content == "images"]
    if guest.running and disks and not with_disks:
        raise TaskError("can't live migrate attached local disks without with-local-disks option")
    for volume in disks:
        kind = world.storages[volume.storage]["type"]
        if volume.vmid != guest.vmid:
            problems.append(f"can't migrate '{volume.volid}': owned by other VM (owner = VM {volume.vmid})")
        elif volume.parent:
            problems.append(f"can't migrate '{volume.volid}' as it's a clone of '{volume.parent}'")
        elif not guest.running and kind not in OFFLINE_TYPES:
            problems.append(f"can't migrate '{volume.volid}': storage type '{kind}' not supported")
        elif guest.snapshots:
            problems.append(f"can't migrate '{volume.volid}': non-migratable snapshot exists")
    for text in problems:
        task.say(f"ERROR: {text}")
    if problems:
        raise TaskError("Problem found while scanning volumes - can't migrate VM - check log")


async def _copy(
    world: LabCluster,
    guest: LabGuest,
    target: str,
    mapping: dict[str, str],
    local: dict[str, LabVolume],
    made: list[LabVolume],
    task: LabTask,
) -> dict[str, str]:
    """Copy the local volumes over; gives the new id of each."""
    renamed = {}
    for volid, old in local.items():
        storage = _goal(mapping, old.storage)
        task.say(f"found local disk '{volid}' (in current VM config)")
        try:
            volume = await _copied(world, target, storage, old, guest.vmid)
        except (TaskError, PveError) as problem:
            reason = getattr(problem, "message", problem)
            raise TaskError(
                f"storage migration for '{volid}' to storage '{storage}' failed - {reason}"
            ) from problem
        made.append(volume)
        await copy_time(world, old)
        renamed[volid] = volume.volid
        if volume.volid != volid:
            task.say(f"volume '{volid}' is '{volume.volid}' on the target")
    await world.clock.sleep(world.took("migrate", 1, 3, guest.vmid))
    return renamed


async def _copied(world: LabCluster, target: str, storage: str, old: LabVolume, vmid: int) -> LabVolume:
    fmt = old.format if storage == old.storage else None
    volume = await allocate(world, target, storage, vmid, old.size, fmt=fmt, used=old.used)
    wanted = old.name if storage == old.storage or "cloudinit" in old.name else ""
    place = world.place(storage, target)
    if wanted and wanted != volume.name and world.shelf.find(place, storage, wanted) is None:
        world.shelf.remove(volume)
        volume.name = wanted
        world.shelf.add(volume)
    return volume


def _move(
    world: LabCluster, guest: LabGuest, target: str, local: dict[str, LabVolume], renamed: dict[str, str]
) -> None:
    source = guest.node
    for key, value in list(guest.config.items()):
        volid, options = split(value) if isinstance(value, str) and ":" in value else ("", {})
        if volid in renamed:
            guest.config[key] = join(renamed[volid], options)
    guest.node = target
    guest.set_lock(None)
    for volume in local.values():
        free(world, volume)
    world.note(guest)
    world.effect("migrate", target, guest.vmid, f"from {source}")
