"""The strings a VM's config holds for disks and network cards, read and written as Proxmox does."""

from __future__ import annotations

import re
from typing import Any

from fakepve import qemu

NIC = re.compile(r"net\d+")
UNUSED = re.compile(r"unused\d+")
DRIVE = qemu.DRIVE_KEY
NEW_DISK = qemu.NEW_DISK
MAX_UNUSED = 256


def split(value: object) -> tuple[str, dict[str, str]]:
    """Volume and options of a drive string."""
    volume, options = qemu.split_drive(str(value))
    return str(volume), dict(options)


def join(volume: str, options: dict[str, str]) -> str:
    """A drive string: the volume, then the options in alphabetical order."""
    return str(qemu.join_drive(volume, options))


def is_cdrom(value: object) -> bool:
    """Whether a drive is a CD-ROM, the cloud-init drive included."""
    return bool(qemu.is_cdrom(*split(value)))


def is_cloudinit(value: object) -> bool:
    """Whether a drive is (or asks for) the cloud-init drive."""
    volume = split(value)[0]
    return volume.endswith(":cloudinit") or re.search(r"vm-\d+-cloudinit", volume) is not None


def drive_keys(config: dict[str, Any]) -> list[str]:
    """The keys of all drives, in device order."""
    return sorted((key for key in config if DRIVE.match(key)), key=qemu.natural)


def disks_of(config: dict[str, Any]) -> dict[str, tuple[str, dict[str, str]]]:
    """Key, volume and options of every hard disk: no CD-ROM and no cloud-init drive."""
    return {key: split(config[key]) for key in drive_keys(config) if not is_cdrom(config[key])}


def volumes_of(config: dict[str, Any]) -> list[str]:
    """Every volume id the config refers to, unused ones included."""
    keys = [*drive_keys(config), *sorted((k for k in config if UNUSED.fullmatch(k)), key=qemu.natural)]
    found = (split(config[key])[0] for key in keys)
    return [volid for volid in found if ":" in volid and not volid.startswith("/")]


def free_unused(config: dict[str, Any]) -> str | None:
    """The first free unusedN key, or None when all are taken."""
    return next((f"unused{n}" for n in range(MAX_UNUSED) if f"unused{n}" not in config), None)


def with_mac(value: object, *, fresh: bool = False) -> str:
    """A network card as Proxmox writes it: model and MAC first; a new MAC if there is none or `fresh`."""
    return str(qemu.with_mac(str(value), fresh=fresh))


def default_boot(config: dict[str, Any]) -> str | None:
    """The boot order Proxmox picks for a new VM."""
    order = qemu.boot_order(config)
    return str(order) if order else None


def boot_disk(config: dict[str, Any]) -> tuple[str, dict[str, str]] | None:
    """The first hard disk in boot order."""
    disks = disks_of(config)
    order = str(config.get("boot", "")).removeprefix("order=").split(";")
    key = next((k for k in order if k in disks), next(iter(disks), None))
    return disks[key] if key else None
