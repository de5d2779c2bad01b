"""Which disks can be snapshotted, and which format makes a new one so.

A file storage makes a raw file unless `format=qcow2` is sent along, and a VM with one raw file cannot be snapshotted.
"""

from __future__ import annotations

import re

from .codecs import Drive

FILE_STORAGES = frozenset({"dir", "nfs", "cifs", "glusterfs"})
_SNAPSHOTS_ITSELF = frozenset({"lvmthin", "rbd", "zfspool", "zfs", "btrfs"})
_SUFFIX = re.compile(r"\.(qcow2|raw|vmdk)$")


def new_disk_format(storage_type: str) -> str | None:
    """The format to send for a new disk on a storage of this type; None where the storage has only one."""
    return "qcow2" if storage_type in FILE_STORAGES else None


def file_format(drive: Drive) -> str:
    """The format of a disk that is a file, as its name says; empty for a disk that is none."""
    found = _SUFFIX.search(drive.volume)
    return found[1] if found else ""


def can_snapshot(storage_type: str, drive: Drive | None = None) -> bool:
    """Whether a disk can be snapshotted; without a drive, one that is made with `new_disk_format`."""
    kind = file_format(drive) if drive else new_disk_format(storage_type) or ""
    return kind == "qcow2" or (storage_type in _SNAPSHOTS_ITSELF and kind in ("", "raw"))


def is_repairable(storage_type: str, drive: Drive) -> bool:
    """Whether the disk is a file that another format makes fit for snapshots, on the storage it is on."""
    return storage_type in FILE_STORAGES and file_format(drive) not in ("qcow2", "")
