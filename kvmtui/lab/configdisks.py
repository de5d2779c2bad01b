"""What writing a drive into a config does to its volumes: allocate, look up, replace, detach, free."""

from __future__ import annotations

from typing import Any

from fakepve.model import TaskError
from fakepve.routing import die, param_error

from kvmtui.lab.access import ROOT
from kvmtui.lab.disks import allocate, allocate_cloudinit, free
from kvmtui.lab.drives import (
    NEW_DISK,
    UNUSED,
    drive_keys,
    free_unused,
    is_cdrom,
    is_cloudinit,
    join,
    split,
    volumes_of,
)
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.volumes import GIB, KIB, size_text
from kvmtui.lab.world import LabCluster

# Disks whose size is not requested: EFI variables and the TPM state.
FIXED_SIZES = {"efidisk0": 528 * KIB, "tpmstate0": 4 * KIB * KIB}


def check_drive(world: LabCluster, key: str, value: str) -> None:
    """Refuse a drive whose volume id cannot be read, before any right is looked at."""
    volume, options = split(value)
    if NEW_DISK.match(volume) and options.get("media") != "cdrom":
        return
    storage, colon, name = volume.partition(":")
    if not colon or volume.startswith("/") or name == "cloudinit":
        return
    kind = world._parse_volname(world._store(storage), name)[0]
    if kind == "iso" and options.get("media") != "cdrom":
        raise param_error(**{key: "explicit 'media=cdrom' is required for iso images"})


def check_drive_storage(world: LabCluster, node: str, vmid: int, key: str, value: str, user: str) -> None:
    """Refuse a drive whose storage may not be used, or does not take such volumes."""
    volume, options = split(value)
    storage, colon, name = volume.partition(":")
    cdrom = options.get("media") == "cdrom"
    new = NEW_DISK.match(volume)
    if volume in ("", "none") or name == "cloudinit":
        return
    if cdrom and volume == "cdrom":
        world.require(user, "/", "Sys.Console")
        return
    if not cdrom and new:
        if not new[1]:
            raise die("no storage ID specified (and no default storage)")
        world.require(user, f"/storage/{new[1]}", "Datastore.AllocateSpace")
        if "images" not in str(world._store(new[1]).get("content", "")).split(","):
            raise param_error(storage=f"storage '{new[1]}' does not support vm images")
        return
    if not colon or volume.startswith("/"):
        if user != ROOT:
            raise die("Only root can pass arbitrary filesystem paths.")
        return
    kind, owner, _ = world._parse_volname(world._store(storage), name)
    if owner != vmid:
        world._check_access(user, storage, kind, owner, volume)
    if kind not in ("images", "iso"):
        raise param_error(**{key: "content type needs to be 'images' or 'iso'"})


async def resolved(world: LabCluster, guest: LabGuest, key: str, value: str) -> str:
    """The drive string as it is written back: allocated or found, with its real size."""
    volume, options = split(value)
    if volume in ("", "none", "cdrom") or volume.startswith("/"):
        options.pop("size", None)
        return join(volume, options)
    if volume.endswith(":cloudinit"):
        return await _new_cloudinit(world, guest, key, volume.partition(":")[0], options)
    new = NEW_DISK.match(volume)
    if new and options.get("media") != "cdrom":
        return await _new_disk(world, guest, key, new[1], float(new[2]), options)
    return _existing(world, guest, volume, options)


async def _new_disk(
    world: LabCluster, guest: LabGuest, key: str, storage: str | None, gib: float, options: dict[str, str]
) -> str:
    if not storage:
        raise die("no storage ID specified (and no default storage)")
    world.store_for(storage, guest.node, "images")
    size = FIXED_SIZES.get(key) or int(gib * GIB)
    fmt = options.pop("format", None)
    volume = await allocate(world, guest.node, storage, guest.vmid, size, fmt=fmt)
    return join(volume.volid, {**options, "size": size_text(size)})


async def _new_cloudinit(
    world: LabCluster, guest: LabGuest, key: str, storage: str, options: dict[str, str]
) -> str:
    merged = guest.merged()
    other = next((k for k in drive_keys(merged) if k != key and is_cloudinit(merged[k])), None)
    if other:
        raise die(f"{key} - cloud-init drive is already attached at '{other}'")
    world.store_for(storage, guest.node, "images")
    old = guest.config.get(key)
    if old is not None and is_cloudinit(old):
        drop_volume(world, guest, split(old)[0])
    options.pop("format", None)
    volume = await allocate_cloudinit(world, guest.node, storage, guest.vmid)
    return join(volume.volid, {**options, "media": "cdrom", "size": size_text(volume.size)})


def _existing(world: LabCluster, guest: LabGuest, volid: str, options: dict[str, str]) -> str:
    world._check_enabled(volid.partition(":")[0], guest.node)
    volume = world.volume(guest.node, volid)
    if volume is None:
        raise die(f"volume '{volid}' does not exist")
    return join(volid, {**options, "size": size_text(volume.size)})


def detach(world: LabCluster, guest: LabGuest, key: str, *, force: bool = False) -> None:
    """Take a drive out of the config; its volume becomes unusedN, or is freed when forced or passing."""
    value = guest.config.pop(key, None)
    if value is None:
        return
    volid = split(value)[0]
    if UNUSED.fullmatch(key) or is_cloudinit(value) or (force and not is_cdrom(value)):
        drop_volume(world, guest, volid)
    elif not is_cdrom(value):
        keep_unused(world, guest, volid)


def keep_unused(world: LabCluster, guest: LabGuest, volid: str) -> None:
    """Remember a volume nobody uses any more as unusedN, once."""
    volume = world.volume(guest.node, volid)
    if volume is None or volume.vmid != guest.vmid or volid in volumes_of(guest.config):
        return
    key = free_unused(guest.config)
    if key is None:
        raise die("Too many unused volumes - please delete them first.")
    guest.config[key] = volid
    world.effect("detach", guest.node, guest.vmid, volid)


def drop_volume(world: LabCluster, guest: LabGuest, volid: str) -> None:
    """Free a guest's own volume, unless a snapshot still needs it."""
    volume = world.volume(guest.node, volid)
    if volume is None or volume.vmid != guest.vmid:
        return
    if any(volid in volumes_of(snapshot) for snapshot in guest.snapshots.values()):
        raise TaskError(f"unable to remove '{volid}' - volume is still in use (snapshot?)")
    free(world, volume)


def put(world: LabCluster, guest: LabGuest, key: str, value: Any) -> None:
    """Write one key into the running config; a drive it replaces is detached first."""
    old = guest.config.get(key)
    replaced = old is not None and key in drive_keys({key: old}) and split(old)[0] != split(value)[0]
    if replaced and not is_cloudinit(old):
        detach(world, guest, key)
    guest.config[key] = value
    _forget_unused(guest, split(value)[0])


def _forget_unused(guest: LabGuest, volid: str) -> None:
    for key in [k for k, v in guest.config.items() if UNUSED.fullmatch(k) and split(v)[0] == volid]:
        del guest.config[key]


def settle_pending(world: LabCluster, guest: LabGuest) -> None:
    """Take over what waited for the next start, drives included."""
    waiting, guest.pending = guest.pending, {}
    for key, value in waiting.items():
        if value is not None:
            put(world, guest, key, value)
        elif key in drive_keys({key: ""}) or UNUSED.fullmatch(key):
            detach(world, guest, key)
        else:
            guest.config.pop(key, None)
