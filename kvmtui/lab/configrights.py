"""Which privilege each key of a VM's config needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fakepve.model import PveError
from fakepve.routing import die

from kvmtui.lab.access import ROOT
from kvmtui.lab.cloudinit import KEYS as CLOUDINIT_KEYS
from kvmtui.lab.drives import DRIVE, NIC, is_cdrom, is_cloudinit
from kvmtui.lab.world import LabCluster

CPU = frozenset(["affinity", "cores", "cpu", "cpulimit", "cpuunits", "numa", "smp", "sockets", "vcpus"])
MEMORY = frozenset(["memory", "balloon", "shares", "allow-ksm", "hugepages", "keephugepages"])
HARDWARE = frozenset(
    [
        "acpi",
        "hotplug",
        "kvm",
        "machine",
        "scsihw",
        "smbios1",
        "tablet",
        "vga",
        "watchdog",
        "audio0",
        "rng0",
        "vmgenid",
        "ivshmem",
        "arch",
        "amd-sev",
        "intel-tdx",
    ]
)
OPTIONS = frozenset(
    [
        "agent",
        "autostart",
        "bios",
        "description",
        "keyboard",
        "localtime",
        "migrate_downtime",
        "migrate_speed",
        "name",
        "onboot",
        "ostype",
        "protection",
        "reboot",
        "startdate",
        "startup",
        "tdf",
        "template",
    ]
)
DISK = frozenset(["boot", "bootdisk", "vmstatestorage"])
# Keys whose right depends on their value; they are checked where they are written.
BY_VALUE = re.compile(r"(?:unused|serial|usb|hostpci|virtiofs|parallel)\d+")
KNOWN = re.compile(
    r"(?:net|ipconfig|numa|unused|serial|usb|hostpci|virtiofs|parallel|scsi|virtio|ide|sata)\d+|efidisk0|tpmstate0|rng0|audio0"
)
OTHER_KEYS = frozenset(["args", "lock", "hookscript", "tags", "vmstate", "freeze", "parent", "snaptime"])


def exists(key: str) -> bool:
    """Whether Proxmox has such a config option."""
    named = key in CPU or key in MEMORY or key in HARDWARE or key in OPTIONS or key in DISK
    return named or key in CLOUDINIT_KEYS or key in OTHER_KEYS or KNOWN.fullmatch(key) is not None


def require_for_keys(world: LabCluster, path: str, keys: Iterable[str], user: str) -> None:
    """Refuse unless the user may write every one of these keys, as far as the key alone decides."""
    if user == ROOT:
        return
    for key in keys:
        if DRIVE.match(key) or BY_VALUE.fullmatch(key) or key == "tags":
            continue
        if key in CPU or re.fullmatch(r"numa\d+", key):
            world.require(user, path, "VM.Config.CPU")
        elif key in MEMORY:
            world.require(user, path, "VM.Config.Memory")
        elif key in HARDWARE:
            world.require(user, path, "VM.Config.HWType")
        elif key in OPTIONS:
            world.require(user, path, "VM.Config.Options")
            if key == "startup":
                world.require(user, "/", "Sys.Modify")
        elif key == "freeze":
            world.require(user, path, "VM.PowerMgmt")
        elif key in DISK:
            world.require(user, path, "VM.Config.Disk")
        elif NIC.fullmatch(key):
            world.require(user, path, "VM.Config.Network")
        elif key in CLOUDINIT_KEYS or key.startswith("ipconfig"):
            require_any(world, user, path, ("VM.Config.Cloudinit", "VM.Config.Network"))
        elif key == "vmstate":
            world.require(user, path, "VM.Config.Disk")
            world.require(user, path, "VM.PowerMgmt")
        else:
            raise die(f"only root can set '{key}' config")


def require_any(world: LabCluster, user: str, path: str, privileges: tuple[str, ...]) -> None:
    """Refuse unless the user holds one of the privileges."""
    if not any(world.allowed(user, path, privilege) for privilege in privileges):
        raise PveError(403, f"Permission check failed ({path}, {'|'.join(privileges)})")


def require_for_values(world: LabCluster, path: str, values: Mapping[str, Any], user: str, verb: str) -> None:
    """Refuse unless the user may write (`set`, `modify`) or `delete` keys whose right depends on their value."""
    if user == ROOT:
        return
    for key, value in values.items():
        if DRIVE.match(key):
            require_for_drive(world, path, value, user)
        elif key.startswith("unused"):
            world.require(user, path, "VM.Config.Disk")
        elif re.fullmatch(r"serial\d+", key):
            if value != "socket":
                raise die(f"only root can {verb} '{key}' config for real devices")
            world.require(user, path, "VM.Config.HWType")
        elif re.fullmatch(r"usb\d+", key):
            _require_for_device(world, path, key, str(value), user, "usb")
        elif re.fullmatch(r"hostpci\d+", key):
            _require_for_device(world, path, key, str(value), user, "pci")
        elif re.fullmatch(r"parallel\d+", key):
            raise die(f"only root can set '{key}' config")
        elif key == "tags":
            world.require(user, path, "VM.Config.Options")


def require_for_drive(world: LabCluster, path: str, value: object, user: str) -> None:
    """The right a drive of this kind needs."""
    if is_cloudinit(value):
        world.require(user, path, "VM.Config.Cloudinit")
        world.require(user, path, "VM.Config.CDROM")
    elif is_cdrom(value):
        world.require(user, path, "VM.Config.CDROM")
    else:
        world.require(user, path, "VM.Config.Disk")


def _require_for_device(world: LabCluster, path: str, key: str, value: str, user: str, kind: str) -> None:
    options = dict(part.partition("=")[::2] for part in value.split(","))
    if kind == "usb":
        world.require(user, path, "VM.Config.HWType")
    mapping = options.get("mapping")
    host = options.get("host") or next((name for name, given in options.items() if not given), None)
    if mapping:
        world.require(user, f"/mapping/{kind}/{mapping}", "Mapping.Use")
        if kind == "pci":
            world.require(user, path, "VM.Config.HWType")
    elif kind == "usb" and host and host.lower() != "spice":
        raise die(f"only root can set '{key}' config for real devices")
    elif kind == "pci" and host:
        raise die(f"only root can set '{key}' config for non-mapped devices")
    elif not host:
        raise die("either 'host' or 'mapping' must be set.")


def require_for_cpu(world: LabCluster, values: Mapping[str, Any], held: Mapping[str, Any], user: str) -> None:
    """A custom CPU model that is new to the config needs the right to use it."""
    wanted, before = _cpu_type(values.get("cpu")), _cpu_type(held.get("cpu"))
    if wanted.startswith("custom-") and wanted != before:
        world.require(user, f"/mapping/cpu/{wanted.removeprefix('custom-')}", "Mapping.Use")


def _cpu_type(value: object) -> str:
    return str(value or "").removeprefix("cputype=").split(",")[0]


def require_bridges(world: LabCluster, config: Mapping[str, Any], user: str) -> None:
    """Refuse unless the user may plug cards into every bridge these cards name."""
    if user == ROOT or world.dialect.major < 8:
        return
    for key in sorted(k for k in config if NIC.fullmatch(k)):
        options = dict(part.partition("=")[::2] for part in str(config[key]).split(","))
        if options.get("bridge"):
            tag = f"/{options['tag']}" if options.get("tag") else ""
            world.require(user, f"/sdn/zones/localnetwork/{options['bridge']}{tag}", "SDN.Use")
