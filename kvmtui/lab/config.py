"""Reading and writing a VM's config: rights, digest, locks, what applies at once and what waits."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from fakepve import qemu
from fakepve.model import PveError
from fakepve.routing import die, param_error, split_list

from kvmtui.lab import configrights as rights
from kvmtui.lab import quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.cloudinit import KEYS as CLOUDINIT_KEYS
from kvmtui.lab.cloudinit import MASK, checked_keys, hashed_password, regenerate, relevant
from kvmtui.lab.configdisks import (
    check_drive,
    check_drive_storage,
    detach,
    drop_volume,
    keep_unused,
    put,
    resolved,
)
from kvmtui.lab.drives import DRIVE, NIC, UNUSED, is_cdrom, is_cloudinit, split, with_mac
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.world import LabCluster, serves

PATH = "/nodes/{node}/qemu/{vmid}/config"
# pveproxy stops waiting for a node after this; the work continues.
FORWARD_SECONDS = 30
NOT_CONFIG = (
    "node",
    "vmid",
    "digest",
    "delete",
    "skiplock",
    "force",
    "revert",
    "background_delay",
    "import-working-storage",
    "skip_cloud_init",
)
# What a running VM takes over at once; the options of cloud-init reach the guest with the next drive.
LIVE = re.compile(
    r"name|description|tags|onboot|protection|startup|hookscript|lock|shares|hotplug|vmstatestorage|balloon"
    r"|cpuunits|cpulimit|migrate_\w+|ipconfig\d+|" + "|".join(CLOUDINIT_KEYS)
)
# Options of a disk that only take effect with the next start.
COLD_OPTIONS = ("aio", "discard", "iothread", "queues", "product", "cache", "ssd", "vendor", "ro")
HOTPLUGGED = re.compile(r"(?:scsi|virtio|net|unused)\d+")


def _shown(world: LabCluster, guest: LabGuest, config: dict[str, Any]) -> dict[str, Any]:
    shown = dict(config)
    if "memory" in shown:
        shown["memory"] = str(shown["memory"]) if world.dialect.memory_is_text else int(shown["memory"])
    if "cipassword" in shown:
        shown["cipassword"] = MASK
    return shown


@serves("GET", PATH)
async def read(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """The config with pending changes merged, or what runs now with `current`, or a snapshot's."""
    guest = world.find(values["node"], values["vmid"])
    if values.get("snapshot"):
        snapshot = guest.snapshots.get(values["snapshot"])
        if snapshot is None:
            raise die(f"snapshot '{values['snapshot']}' does not exist")
        return {**_shown(world, guest, snapshot), "digest": guest.digest()}
    config = guest.config if values.get("current") else guest.merged()
    return {**_shown(world, guest, config), "digest": guest.digest()}


@serves("GET", "/nodes/{node}/qemu/{vmid}/pending")
async def pending(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Every key with what it is now and what it becomes."""
    guest = world.find(values["node"], values["vmid"])
    current, waiting = _shown(world, guest, guest.config), _shown(world, guest, guest.pending)
    current["digest"] = guest.digest()
    found = []
    for key in sorted({*current, *waiting}):
        item: dict[str, Any] = {"key": key}
        if key in current:
            item["value"] = current[key]
        if key in waiting and waiting[key] is None:
            item["delete"] = 1
        elif key in waiting:
            item["pending"] = waiting[key]
        found.append(item)
    return found


@dataclass(frozen=True, slots=True)
class _Change:
    """A requested config change: what to set, delete and revert."""

    guest: LabGuest
    changes: dict[str, Any]
    deletes: list[str]
    reverts: list[str]
    user: str
    digest: str = ""
    force: bool = False
    skiplock: bool = False


def _checked(world: LabCluster, values: dict[str, Any], user: str) -> _Change:
    """The change, once everything was checked that is checked before the config is locked."""
    if values.get("skiplock") and user != ROOT:
        raise param_error(skiplock="Only root may use this option.")
    if values.get("sshkeys") is not None:
        checked_keys(str(values["sshkeys"]))
    changes = {k: v for k, v in values.items() if k not in NOT_CONFIG}
    cdrom = changes.pop("cdrom", None)
    if cdrom:
        changes["ide2"] = cdrom if "media=" in str(cdrom) else f"{cdrom},media=cdrom"
    deletes = ["ide2" if key == "cdrom" else key for key in split_list(values.get("delete"))]
    reverts = split_list(values.get("revert"))
    if not changes and not deletes and not reverts:
        raise die("no options specified")
    _check_names(changes, deletes, reverts)
    for key, value in changes.items():
        if DRIVE.match(key):
            check_drive(world, key, str(value))
    node, vmid = values["node"], int(values["vmid"])
    path = f"/vms/{vmid}"
    rights.require_for_keys(world, path, deletes, user)
    rights.require_for_keys(world, path, changes, user)
    for key, value in changes.items():
        if DRIVE.match(key):
            check_drive_storage(world, node, vmid, key, str(value), user)
    rights.require_bridges(world, changes, user)
    guest = world.find(node, vmid)
    flags = (bool(values.get("force")), bool(values.get("skiplock")))
    change = _Change(guest, changes, deletes, reverts, user, str(values.get("digest") or ""), *flags)
    _check_held(world, change)
    return change


def _check_names(changes: dict[str, Any], deletes: list[str], reverts: list[str]) -> None:
    for key in reverts:
        if not rights.exists(key):
            raise param_error(revert=f"unknown option '{key}'")
        if key in changes:
            raise param_error(delete=f"you can't use '-{key}' and -revert {key}' at the same time")
    for key in deletes:
        if key in changes:
            raise param_error(delete=f"you can't use '-{key}' and -delete {key}' at the same time")
        if key in reverts:
            raise param_error(revert=f"you can't use '-delete {key}' and -revert {key}' at the same time")
        if not rights.exists(key):
            raise param_error(delete=f"unknown option '{key}'")


def _check_held(world: LabCluster, change: _Change) -> None:
    """What depends on the config as it is: checked before and again under its lock."""
    guest, changes = change.guest, change.changes
    if world.roster.get(guest.vmid) is not guest:
        raise die(f"Configuration file 'nodes/{guest.node}/qemu-server/{guest.vmid}.conf' does not exist")
    if change.digest and change.digest != guest.digest():
        raise die("checksum mismatch (file change by other user?)")
    rights.require_for_cpu(world, changes, guest.config, change.user)
    leaves = guest.lock == "suspended" and "vmstate" in change.deletes
    if not change.skiplock and not leaves and list(changes) != ["lock"] and change.deletes != ["lock"]:
        world.check_unlocked(guest)
    if changes.get("memory") or changes.get("balloon") is not None:
        merged = guest.merged() | changes
        memory = int(str(merged.get("memory", 512)).removeprefix("current=").split(",")[0])
        if int(merged.get("balloon") or 0) > memory:
            raise die("balloon value too large (must be smaller than assigned memory)")


def _check_boot(change: _Change) -> None:
    order = str(change.changes.get("boot", ""))
    known = {**change.guest.merged(), **change.changes}
    for device in order.removeprefix("order=").split(";") if order.startswith("order=") else []:
        if device and (device not in known or device in change.deletes):
            raise die(f"invalid bootorder: device '{device}' does not exist'")


async def write(world: LabCluster, change: _Change) -> None:
    """Apply a config change; raises Proxmox's refusal and then leaves what was not yet written."""
    guest = change.guest
    name, refusal = world.flocks.config(guest.vmid)
    async with world.flocks.hold(name, 10, refusal):
        _check_held(world, change)
        _check_boot(change)
        quorum.check_write(world, guest.node, guest.vmid)
        await _commit(world, change)


async def _commit(world: LabCluster, change: _Change) -> None:
    guest, changes = change.guest, change.changes
    for key in change.reverts:
        guest.pending.pop(key, None)
    held = {key: guest.merged().get(key) for key in change.deletes}
    gone = {key: value for key, value in held.items() if value is not None}
    rights.require_for_values(world, guest.path, gone, change.user, "delete")
    drives = {key: guest.config[key] for key in changes if DRIVE.match(key) and key in guest.config}
    rights.require_for_values(world, guest.path, drives, change.user, "modify")
    rights.require_for_values(world, guest.path, changes, change.user, "modify")
    order = _boot_order(guest, changes, change.deletes)
    _delete(world, change)
    for key, value in sorted(changes.items()):
        ready = await ready_value(world, guest, key, value)
        _take(world, guest, key, ready)
    if order is not None:
        _take(world, guest, "boot", order)
    if not guest.running and any(relevant(key) for key in (*changes, *change.deletes)):
        regenerate(guest)
    world.note(guest)
    world.effect("config", guest.node, guest.vmid, ",".join(sorted({*changes, *change.deletes})))


def _delete(world: LabCluster, change: _Change) -> None:
    guest = change.guest
    protected = str(guest.config.get("protection", "0")) == "1"
    for key in change.deletes:
        waiting = guest.pending.pop(key, None)
        if waiting is not None and DRIVE.match(key):
            keep_unused(world, guest, split(waiting)[0])
        if key not in guest.config:
            continue
        drive = DRIVE.match(key) or UNUSED.fullmatch(key)
        if drive and protected:
            what = f"unused disk '{guest.config[key]}'" if UNUSED.fullmatch(key) else f"drive '{key}'"
            raise die(f"can't remove {what} - protection mode enabled")
        if guest.running and not _live(guest, key):
            guest.pending[key] = None
        elif drive:
            detach(world, guest, key, force=change.force)
        elif key == "vmstate":
            drop_volume(world, guest, str(guest.config.pop(key)))
            for other in ("lock", "runningmachine", "runningcpu"):
                guest.config.pop(other, None)
        else:
            guest.config.pop(key)


def _take(world: LabCluster, guest: LabGuest, key: str, value: Any) -> None:
    """Write one value: at once, or pending where a running VM cannot take it over."""
    if guest.running and not _live(guest, key, value):
        waiting = guest.pending.get(key)
        if waiting is not None and DRIVE.match(key) and split(waiting)[0] != split(value)[0]:
            keep_unused(world, guest, split(waiting)[0])
        guest.pending.pop(key, None)
        if str(guest.config.get(key)) != str(value):
            guest.pending[key] = value
        return
    guest.pending.pop(key, None)
    put(world, guest, key, value)


def _live(guest: LabGuest, key: str, value: object = "") -> bool:
    """Whether a running VM takes a change over at once: IDE and SATA drives only change medium and limits."""
    if LIVE.fullmatch(key):
        return True
    old = guest.config.get(key)
    if not DRIVE.match(key) or old is None or not value:
        return HOTPLUGGED.fullmatch(key) is not None
    if is_cdrom(old):
        return is_cdrom(value)
    (volume, options), (wanted, asked) = split(old), split(value)
    if volume != wanted:
        return HOTPLUGGED.fullmatch(key) is not None
    return all(options.get(name) == asked.get(name) for name in COLD_OPTIONS)


def _boot_order(guest: LabGuest, changes: dict[str, Any], deletes: list[str]) -> str | None:
    """The boot order with CD drives that are written appended and deleted drives removed; None for no change."""
    held = str(guest.config.get("boot", ""))
    if "boot" in changes or not held.startswith("order="):
        return None
    before = [device for device in held.removeprefix("order=").split(";") if device]
    added = [k for k, v in changes.items() if DRIVE.match(k) and is_cdrom(v) and not is_cloudinit(v)]
    gone = [key for key in deletes if key in guest.config]
    after = [device for device in before if device not in gone]
    after += [key for key in sorted(added) if key not in before]
    return f"order={';'.join(after)}" if after != before else None


async def ready_value(world: LabCluster, guest: LabGuest, key: str, value: Any) -> Any:
    """The value as it is written: drives allocated, cards with a MAC, secrets hashed, tags in order."""
    if DRIVE.match(key):
        return await resolved(world, guest, key, str(value))
    if NIC.fullmatch(key):
        return with_mac(value)
    if key == "cipassword":
        return hashed_password(str(value), str(guest.config.get("ostype", "")))
    if key == "tags":
        return ";".join(sorted({tag.lower() for tag in re.split(r"[;, ]+", str(value)) if tag}))
    if key == "vmgenid" and str(value) == "1":
        return str(qemu.uuid.uuid4())
    return value


@serves("PUT", PATH)
async def write_now(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Change the config and wait for it; after half a minute the answer is 596 while the work continues."""
    work = asyncio.ensure_future(write(world, _checked(world, values, user)))
    await asyncio.wait({work}, timeout=0)
    if not work.done() and not await world.clock.wait_for(work, FORWARD_SECONDS):
        work.add_done_callback(lambda done: done.exception())
        raise PveError(596, "Connection timed out")
    work.result()


@serves("POST", PATH)
async def write_in_task(world: LabCluster, values: dict[str, Any], user: str) -> str | None:
    """Change the config in a task, whose end is waited for up to `background_delay` seconds."""
    change = _checked(world, values, user)
    guest = change.guest
    shown = (f"-{key} {'<hidden>' if key == 'cipassword' else value}" for key, value in _given(values))

    async def body(task: LabTask) -> None:
        task.say(f"update VM {guest.vmid}: {' '.join(shown)}")
        await write(world, change)

    upid = await world.workers.start(guest.node, "qmconfig", guest.vmid, user, body, vmids=(guest.vmid,))
    task, delay = world.workers.by_upid[upid], int(values.get("background_delay") or 0)
    if delay and task.worker is not None:
        await world.clock.wait_for(asyncio.shield(task.worker), delay)
    if not delay or task.running:
        return upid
    if task.exitstatus == "OK" or str(task.exitstatus).startswith("WARNINGS"):
        return None
    raise die(f"failed to update VM {guest.vmid}: {task.exitstatus}")


def _given(values: dict[str, Any]) -> list[tuple[str, Any]]:
    left_out = ("node", "vmid", "digest", "background_delay")
    return sorted((key, value) for key, value in values.items() if key not in left_out)
