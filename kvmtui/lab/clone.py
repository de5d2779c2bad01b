"""Cloning and templates."""

from __future__ import annotations

import copy
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from fakepve.lxc import to_base
from fakepve.model import PveError, TaskError
from fakepve.routing import die, param_error

from kvmtui.lab import configrights as rights
from kvmtui.lab import quorum
from kvmtui.lab.disks import LINKABLE, allocate, allocate_cloudinit, copy_time, free, link
from kvmtui.lab.drives import DRIVE, NIC, UNUSED, disks_of, is_cdrom, is_cloudinit, join, split, with_mac
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import LabVolume, size_text
from kvmtui.lab.world import LabCluster, serves

NOT_COPIED = (
    "snapshots",
    "parent",
    "snaptime",
    "vmstate",
    "snapstate",
    "lock",
    "template",
    "runningmachine",
    "runningcpu",
)


@dataclass(slots=True)
class _Order:
    """A clone that was accepted: what is made of what, and where."""

    source: LabGuest
    newid: int
    node: str
    target: str
    full: bool
    storage: str | None
    format: str | None
    name: str | None
    description: str | None
    pool: str | None
    config: dict[str, Any]
    made: list[LabVolume] = field(default_factory=list)


@serves("POST", "/nodes/{node}/qemu/{vmid}/clone")
async def clone(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Clone a VM or template; what can be refused at once is, the rest fails in the task."""
    order = _accepted(world, values, user)
    source = order.source

    async def body(task: LabTask) -> None:
        await _clone(world, order, task)

    return await world.workers.start(
        source.node, "qmclone", source.vmid, user, body, vmids=(source.vmid, order.newid)
    )


def _accepted(world: LabCluster, values: dict[str, Any], user: str) -> _Order:
    node, newid = values["node"], int(values["newid"])
    target = values.get("target") or node
    if values.get("pool") and values["pool"] not in world.pools:
        raise die(f"pool '{values['pool']}' does not exist")
    if target not in world.nodes:
        raise die(f"no such cluster node '{target}'")
    quorum.check(world)
    source = world.roster.get(int(values["vmid"]))
    if source is None or source.node != node:
        raise die(f"unable to find configuration file for VM {values['vmid']} on node '{node}'")
    world.check_unlocked(source)
    config = _source_config(source, values.get("snapname"))
    full = bool(values["full"]) if values.get("full") is not None else not source.template
    storage, fmt = values.get("storage"), values.get("format")
    _check_storage(world, node, target, storage)
    for name, given in (("storage", storage), ("format", fmt)):
        if given and not full:
            raise die(f"parameter '{name}' not allowed for linked clones")
    _check_disks(world, config, node, target, storage, full, user)
    rights.require_bridges(world, config, user)
    if world.dialect.checks_cpu_models:
        rights.require_for_cpu(world, config, {}, user)
    taken = world.roster.get(newid)
    if taken is not None and taken.node == node:
        raise die(f"unable to create VM {newid}: config file already exists")
    texts = (values.get("name"), values.get("description"), values.get("pool"))
    return _Order(source, newid, node, target, full, storage, fmt, *texts, config)


def _source_config(source: LabGuest, snapshot: str | None) -> dict[str, Any]:
    if not snapshot:
        return dict(source.config)
    if snapshot not in source.snapshots:
        raise die(f"snapshot '{snapshot}' does not exist")
    return dict(source.snapshots[snapshot])


def _check_storage(world: LabCluster, node: str, target: str, storage: str | None) -> None:
    if not storage:
        return
    store = world.store_for(storage, node, "images")
    if target != node:
        world._check_enabled(storage, target)
        if not store.get("shared"):
            raise die(f"can't clone to non-shared storage '{storage}'")


def _check_disks(
    world: LabCluster,
    config: dict[str, Any],
    node: str,
    target: str,
    storage: str | None,
    full: bool,
    user: str,
) -> None:
    for key, value in sorted(config.items()):
        if not DRIVE.match(key) or (is_cdrom(value) and not is_cloudinit(value)):
            continue
        volid = split(value)[0]
        home = volid.partition(":")[0]
        world.require(user, f"/storage/{storage or home}", "Datastore.AllocateSpace")
        store = world._check_enabled(home, node)
        if target != node and not store.get("shared"):
            raise die(f"can't clone VM to node '{target}' (VM uses local storage)")
        linkable = store["type"] in LINKABLE and "base-" in volid.rpartition("/")[2]
        if not full and not is_cloudinit(value) and not linkable:
            raise die(f"Linked clone feature is not supported for '{volid}' ({key})")


async def _clone(world: LabCluster, order: _Order, task: LabTask) -> None:
    taken = world.roster.get(order.newid)
    if taken is not None and taken.node != order.node:
        path = f"/etc/pve/nodes/{order.node}/qemu-server/{order.newid}.conf"
        raise TaskError(f"close (rename) atomic file '{path}' failed: File exists")
    path, refusal = world.flocks.config(order.newid)
    async with world.flocks.hold(path, 1, refusal):
        quorum.check_write(world, order.node, order.newid)
        if order.newid in world.roster:
            raise TaskError(f"unable to create VM {order.newid}: config file already exists")
        new = LabGuest(order.newid, order.node, {"lock": "clone"}, agent=copy.deepcopy(order.source.agent))
        world.roster[order.newid] = new
        world.effect("clone-begin", order.node, order.newid, f"of {order.source.vmid}")
        if world.dialect.names_new_id_in_clone_log:
            task.say(f"creating a clone of VM {order.source.vmid} with ID {order.newid}")
        await _under_source_lock(world, order, new, task)


async def _under_source_lock(world: LabCluster, order: _Order, new: LabGuest, task: LabTask) -> None:
    path, refusal = world.flocks.config(order.source.vmid)
    try:
        async with world.flocks.hold(path, 1, refusal, shared=not order.source.running):
            await _copy_disks(world, order, new, task)
    except (PveError, TaskError) as problem:
        for volume in order.made:
            free(world, volume)
        world.roster.pop(order.newid, None)
        world._fw()["guests"].pop(order.newid, None)
        world.effect("clone-undone", order.node, order.newid)
        raise TaskError(f"clone failed: {getattr(problem, 'message', problem)}") from problem
    new.node = order.target
    new.set_lock(None)
    if order.pool:
        world._pool_join(order.pool, order.newid)
    world.note(new)
    world.effect("clone", new.node, new.vmid, f"of {order.source.vmid}")


async def _copy_disks(world: LabCluster, order: _Order, new: LabGuest, task: LabTask) -> None:
    config = _copied(order)
    disks = disks_of(order.config)
    await world.clock.sleep(world.took("clone", 0.5, 2.0, order.newid))
    for key, (volid, options) in disks.items():
        volume = await _copy(world, order, volid, task)
        config[key] = join(volume.volid, {**options, "size": size_text(volume.size)})
        new.config = {**config, "lock": "clone"}
    for key, value in order.config.items():
        if DRIVE.match(key) and is_cloudinit(value):
            volid, options = split(value)
            home = order.storage or volid.partition(":")[0]
            volume = await allocate_cloudinit(world, order.node, home, order.newid)
            order.made.append(volume)
            config[key] = join(volume.volid, {**options, "size": size_text(volume.size)})
    new.config = {**config, "lock": "clone"}
    _copy_firewall(world, order.source.vmid, order.newid)


async def _copy(world: LabCluster, order: _Order, volid: str, task: LabTask) -> LabVolume:
    old = world.volume(order.node, volid)
    if old is None:
        raise TaskError(f"volume '{volid}' does not exist")
    if not order.full:
        task.say(f"create linked clone of drive ({volid})")
        linked = await link(world, order.node, old, order.newid)
        order.made.append(linked)
        return linked
    task.say(f"create full clone of drive ({volid})")
    storage = order.storage or old.storage
    fmt = order.format or (old.format if storage == old.storage else None)
    volume = await allocate(world, order.node, storage, order.newid, old.size, fmt=fmt, used=old.used)
    order.made.append(volume)
    await copy_time(world, old)
    return volume


def _copied(order: _Order) -> dict[str, Any]:
    """The new config before its disks: everything but what belongs to the source alone."""
    config = {
        key: with_mac(value, fresh=True) if NIC.fullmatch(key) else value
        for key, value in order.config.items()
        if key not in NOT_COPIED and not UNUSED.fullmatch(key) and not _to_be_made(key, value)
    }
    source_name = order.source.config.get("name") or f"VM {order.source.vmid}"
    config["name"] = order.name or f"Copy-of-VM-{source_name}"
    if order.description:
        config["description"] = order.description
    smbios = dict(part.partition("=")[::2] for part in str(config.get("smbios1", "")).split(",") if part)
    smbios["uuid"] = str(uuid.uuid4())
    config["smbios1"] = ",".join(f"{k}={v}" for k, v in sorted(smbios.items()))
    if config.get("vmgenid"):
        config["vmgenid"] = str(uuid.uuid4())
    return config


def _to_be_made(key: str, value: object) -> bool:
    return DRIVE.match(key) is not None and (not is_cdrom(value) or is_cloudinit(value))


def _copy_firewall(world: LabCluster, source: int, new: int) -> None:
    """The source's firewall file becomes the clone's; one left over under the new id goes."""
    guests = world._fw()["guests"]
    guests.pop(new, None)
    if source in guests:
        guests[new] = copy.deepcopy(guests[source])


@serves("POST", "/nodes/{node}/qemu/{vmid}/template")
async def make_template(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """Turn a stopped VM without snapshots into a template: its disks become base volumes."""
    guest = world.find(values["node"], values["vmid"])
    world.check_unlocked(guest)
    if guest.snapshots:
        raise die("unable to create template, because VM contains snapshots")
    if guest.template and not values.get("disk"):
        raise die("you can't convert a template to a template")
    if guest.running:
        raise die("you can't convert a VM to template if VM is running")
    if values.get("disk") and values["disk"] not in guest.config:
        raise param_error(disk=f"disk '{values['disk']}' does not exist")

    async def body(task: LabTask) -> None:
        quorum.check_write(world, guest.node, guest.vmid)
        await world.clock.sleep(world.took("template", 1, 3, guest.vmid))
        guest.config["template"] = 1
        for key, (volid, options) in disks_of(guest.config).items():
            volume = world.volume(guest.node, volid)
            if volume is None or values.get("disk") not in (None, key):
                continue
            world.shelf.remove(volume)
            volume.name = (
                re.sub(r"(^|/)vm-", r"\1base-", volume.name) if "/" in volume.name else to_base(volume.name)
            )
            world.shelf.add(volume)
            guest.config[key] = join(volume.volid, options)
        world.effect("template", guest.node, guest.vmid)

    return await world.workers.start(guest.node, "qmtemplate", guest.vmid, user, body, vmids=(guest.vmid,))
