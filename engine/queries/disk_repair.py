"""The plan of `vm repair-disk`: which disks of a VM prevent snapshots, and what would be done about each.

Asks the cluster now and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.errors import Failed
from engine.pipelines.steps.disk_repair import TARGET, without_snapshots
from engine.pipelines.steps.disks import GIB
from engine.proxmox.disk_formats import file_format
from engine.proxmox.guest_view import GuestView
from engine.queries.observation import GuestReader, ObservedVm

Action = Literal["keep", "convert", "none"]
"""Nothing is wrong with it, it is converted in place, or nothing can be done on its storage."""


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """One disk of a VM: where it is, as what, and what a repair does to it."""

    disk: str
    storage: str
    storage_type: str
    format: str
    size_gib: float
    action: Action
    note: str


def disk_repairs(service_id: int) -> list[DiskPlan]:
    """Every disk of a VM with what a repair would do to it; an error when the VM cannot be seen."""
    eye: GuestReader[list[DiskPlan]] = GuestReader(service_id, _read)
    try:
        looked, found = eye.look()
    finally:
        eye.close()
    if found is None:
        raise Failed(looked.sentence)
    return found


def _read(subject: ObservedVm, view: GuestView) -> list[DiskPlan]:
    config = view.config()
    subject.prove(config)
    kinds = {one.name: one.type for one in view.cluster.storages(view.node)}
    convertible, others = without_snapshots(config, kinds)

    def plans() -> Iterator[DiskPlan]:
        for key, drive in sorted(config.drives.items()):
            if not drive.is_disk:
                continue
            storage, size = drive.storage or "", round((drive.size or 0) / GIB, 2)
            action: Action = "convert" if key in convertible else "none" if key in others else "keep"
            note = {
                "keep": "can be snapshotted",
                "convert": f"becomes {TARGET} on the same storage; needs {size:g} GiB there while it is copied",
                "none": f"{storage} takes no snapshots; move the disk to another storage in Proxmox",
            }[action]
            kind = file_format(drive) or "block"
            yield DiskPlan(key, storage, kinds.get(storage, ""), kind, size, action, note)

    return list(plans())
