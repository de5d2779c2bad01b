"""Reading and writing a VM's config: rights, digest, locks, what applies at once and what waits."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from fakepve import qemu
from fakepve.model import PveError, TaskError
from fakepve.routing import die, param_error, split_list

from kvmtui.lab import quorum
from kvmtui.lab.access import ROOT
from kvmtui.lab.cloudinit import KEYS as CLOUDINIT_KEYS
from kvmtui.lab.cloudinit import MASK, checked_keys, hashed_password
from kvmtui.lab.configdisks import detach, put, resolved
from kvmtui.lab.drives import DRIVE, NIC, UNUSED, is_cdrom, is_cloudinit, with_mac
from kvmtui.lab.guests import Guest
from kvmtui.lab.tasks import Task
from kvmtui.lab.world import World, serves

PATH = "/nodes/{node}/qemu/{vmid}/config"
# pveproxy gives up waiting for a node after this; the work goes on.
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
)
ROOT_ONLY = ("args", "lock", "hookscript")
LIVE = (
    "name",
    "description",
    "tags",
    "onboot",
    "protection",
    "startup",
    "hookscript",
    "lock",
    "shares",
    "hotplug",
)
HOTPLUGGED = re.compile(r"(?:scsi|virtio|net|unused)\d+")
CPU = ("cores", "sockets", "vcpus", "cpu", "cpulimit", "cpuunits", "numa", "affinity")
MEMORY = ("memory", "balloon", "shares")
OPTIONS = (
    "name",
    "description",
    "onboot",
    "tags",
    "protection",
    "startup",
    "agent",
    "autostart",
    "hotplug",
    "template",
    "boot",
    "bootdisk",
    "acpi",
    "kvm",
    "localtime",
    "ostype",
    "freeze",
    "tdf",
    "reboot",
    "smbios1",
    "startdate",
)


def privilege_for(key: str, value: object) -> str:
    """The privilege that writing this key needs."""
    if key in CLOUDINIT_KEYS or key.startswith("ipconfig"):
        return "VM.Config.Cloudinit" if key != "cicustom" else "VM.Config.Network"
    if UNUSED.fullmatch(key) or (DRIVE.match(key) and "media=cdrom" not in str(value)):
        return "VM.Config.CDROM" if is_cloudinit(value) else "VM.Config.Disk"
    if DRIVE.match(key):
        return "VM.Config.CDROM"
    for keys, privilege in (
        (CPU, "VM.Config.CPU"),
        (MEMORY, "VM.Config.Memory"),
        (OPTIONS, "VM.Config.Options"),
    ):
        if key in keys:
            return privilege
    return "VM.Config.Network" if NIC.fullmatch(key) else "VM.Config.HWType"


def _shown(world: World, guest: Guest, config: dict[str, Any]) -> dict[str, Any]:
    shown = dict(config)
    if "memory" in shown:
        shown["memory"] = str(shown["memory"]) if world.dialect.memory_is_text else int(shown["memory"])
    if "cipassword" in shown:
        shown["cipassword"] = MASK
    return shown


@serves("GET", PATH)
async def read(world: World, values: dict[str, Any], user: str) -> dict[str, Any]:
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
async def pending(world: World, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Every key with what it is now and what it becomes."""
    guest = world.find(values["node"], values["vmid"])
    current, waiting = _shown(world, guest, guest.config), _shown(world, guest, guest.pending)
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


def _checked(
    world: World, guest: Guest, values: dict[str, Any], user: str
) -> tuple[dict[str, Any], list[str]]:
    """The changes and deletions asked for, once rights and values were checked."""
    if values.get("skiplock") and user != ROOT:
        raise param_error(skiplock="Only root may use this option.")
    changes = {k: v for k, v in values.items() if k not in NOT_CONFIG}
    deletes = split_list(values.get("delete"))
    if not changes and not deletes and not values.get("revert"):
        raise die("no options specified")
    wanted = {key: guest.config.get(key, "") for key in deletes} | changes
    require_privileges(world, guest.path, wanted, user)
    for key in deletes:
        if key in changes:
            raise param_error(delete=f"cannot use '{key}' and -delete {key} at the same time")
    return changes, deletes


def require_privileges(world: World, path: str, changes: dict[str, Any], user: str) -> None:
    """Proxmox's refusal unless the user may write every one of these keys."""
    for key, value in changes.items():
        if key in ROOT_ONLY and user != ROOT:
            raise die(f"only root can set '{key}' config")
        world.require(user, path, privilege_for(key, value))


def _check_boot(guest: Guest, changes: dict[str, Any]) -> None:
    order = str(changes.get("boot", ""))
    known = {**guest.merged(), **changes}
    for device in order.removeprefix("order=").split(";") if order.startswith("order=") else []:
        if device and device not in known:
            raise param_error(boot=f"invalid bootorder: device '{device}' does not exist'")


def _check_net(world: World, guest: Guest, key: str, value: str, user: str) -> str:
    """A network card ready to be written: its bridge exists and may be used, and it has a MAC."""
    options = dict(part.partition("=")[::2] for part in value.split(","))
    bridge = options.get("bridge")
    if bridge and user != ROOT and world.dialect.major >= 8:
        tag = f"/{options['tag']}" if options.get("tag") else ""
        world.require(user, f"/sdn/zones/localnetwork/{bridge}{tag}", "SDN.Use")
    return with_mac(value)


async def write(world: World, guest: Guest, values: dict[str, Any], user: str) -> None:
    """Apply a config change; raises Proxmox's refusal and then leaves what was not yet written."""
    changes, deletes = _checked(world, guest, values, user)
    name, refusal = world.flocks.config(guest.vmid)
    async with world.flocks.hold(name, 10, refusal):
        if world.roster.get(guest.vmid) is not guest:
            raise die(f"Configuration file 'nodes/{guest.node}/qemu-server/{guest.vmid}.conf' does not exist")
        if values.get("digest") and values["digest"] != guest.digest():
            raise die("checksum mismatch (file change by other user?)")
        if not values.get("skiplock") and list(changes) != ["lock"] and deletes != ["lock"]:
            world.check_unlocked(guest)
        _check_boot(guest, changes)
        quorum.check_write(world, guest.node, guest.vmid)
        await _commit(world, guest, changes, deletes, values, user)


async def _commit(
    world: World, guest: Guest, changes: dict[str, Any], deletes: list[str], values: dict[str, Any], user: str
) -> None:
    for key in split_list(values.get("revert")):
        guest.pending.pop(key, None)
    ready = {key: await ready_value(world, guest, key, value, user) for key, value in sorted(changes.items())}
    order = _boot_order(guest, changes, deletes)
    for key in deletes:
        if key not in guest.config:
            guest.pending.pop(key, None)
            continue
        if guest.running and not _live(guest, key):
            guest.pending[key] = None
            continue
        guest.pending.pop(key, None)
        if DRIVE.match(key) or UNUSED.fullmatch(key):
            detach(world, guest, key, force=bool(values.get("force")))
        else:
            guest.config.pop(key, None)
    if order is not None:
        ready["boot"] = order
    for key, value in ready.items():
        if guest.running and not _live(guest, key, value):
            guest.pending[key] = value
            continue
        guest.pending.pop(key, None)
        put(world, guest, key, value)
    world.note(guest)
    world.effect("config", guest.node, guest.vmid, ",".join(sorted({*changes, *deletes})))


def _live(guest: Guest, key: str, value: object = "") -> bool:
    """Whether a running VM takes a change over at once: IDE and SATA drives only change their medium."""
    if key in LIVE or HOTPLUGGED.fullmatch(key):
        return True
    old = guest.config.get(key)
    return bool(DRIVE.match(key)) and old is not None and is_cdrom(old) and is_cdrom(value)


def _boot_order(guest: Guest, changes: dict[str, Any], deletes: list[str]) -> str | None:
    """The boot order with CD drives that are written appended and deleted drives removed; None for no change."""
    held = str(guest.merged().get("boot", ""))
    if "boot" in changes or not held.startswith("order="):
        return None
    before = [device for device in held.removeprefix("order=").split(";") if device]
    drives = [k for k, v in changes.items() if DRIVE.match(k) and is_cdrom(v) and not is_cloudinit(v)]
    gone = [key for key in deletes if key in guest.config]
    after = [device for device in before if device not in gone]
    after += [key for key in sorted(drives) if key not in before]
    return f"order={';'.join(after)}" if after != before else None


async def ready_value(world: World, guest: Guest, key: str, value: Any, user: str) -> Any:
    """The value as it is written: drives allocated, cards with a MAC, secrets hashed, tags in order."""
    if DRIVE.match(key):
        return await resolved(world, guest, key, str(value), user)
    if NIC.fullmatch(key):
        return _check_net(world, guest, key, str(value), user)
    if key == "cipassword":
        return hashed_password(str(value), str(guest.config.get("ostype", "")))
    if key == "sshkeys":
        return checked_keys(str(value))
    if key == "tags":
        return ";".join(sorted({tag.lower() for tag in re.split(r"[;, ]+", str(value)) if tag}))
    if key == "vmgenid" and str(value) == "1":
        return str(qemu.uuid.uuid4())
    return value


@serves("PUT", PATH)
async def write_now(world: World, values: dict[str, Any], user: str) -> None:
    """Change the config and wait for it; after half a minute the answer is 596 while the work goes on."""
    guest = world.find(values["node"], values["vmid"])
    work = asyncio.ensure_future(write(world, guest, values, user))
    await asyncio.wait({work}, timeout=0)
    if not work.done() and not await world.clock.wait_for(work, FORWARD_SECONDS):
        work.add_done_callback(lambda done: done.exception())
        raise PveError(596, "Connection timed out")
    work.result()


@serves("POST", PATH)
async def write_in_task(world: World, values: dict[str, Any], user: str) -> str:
    """Change the config in a task."""
    guest = world.find(values["node"], values["vmid"])
    _checked(world, guest, values, user)
    world.check_unlocked(guest)

    async def body(task: Task) -> None:
        try:
            await write(world, guest, values, user)
        except PveError as problem:
            raise TaskError(problem.message) from problem

    return await world.workers.start(guest.node, "qmconfig", guest.vmid, user, body, vmids=(guest.vmid,))
