"""What lies on the storages: disk images, ISO files and backups, per node where a storage is not shared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fakepve.model import PveError

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4
UNITS = {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}
FILE_STORAGES = ("dir", "nfs", "cifs", "btrfs", "cephfs")
CLOUDINIT_BYTES = 4 * MIB


@dataclass(slots=True, eq=False)
class LabVolume:
    """One volume. `place` is the node that holds it, or empty on a shared storage."""

    place: str
    storage: str
    name: str
    size: int
    format: str = "raw"
    content: str = "images"
    vmid: int | None = None
    used: int = 0
    ctime: int = 0
    parent: str | None = None
    notes: str | None = None
    protected: bool = False
    # A backup keeps the config it was made of.
    config: str = ""

    @property
    def volid(self) -> str:
        return f"{self.storage}:{self.name}"


def size_of(text: str) -> int:
    """A size as drives write it ("32G", "4M", "512") in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    return int(float(found[1]) * UNITS[found[2]]) if found else 0


def size_text(size: int) -> str:
    """Bytes as Proxmox writes them back: the largest unit that divides them."""
    for unit in "TGMK":
        if size and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return str(size)


class VolumeStore:
    """Every volume of the cluster, found by place, storage and name."""

    def __init__(self) -> None:
        self._by_storage: dict[tuple[str, str], dict[str, LabVolume]] = {}

    def add(self, volume: LabVolume) -> LabVolume:
        """Put a volume on its storage; one that is there already is an error in Proxmox's words."""
        held = self._by_storage.setdefault((volume.place, volume.storage), {})
        if volume.name in held:
            raise PveError(500, f"volume '{volume.volid}' already exists")
        held[volume.name] = volume
        return volume

    def remove(self, volume: LabVolume) -> None:
        """Delete a volume; a missing one is not an error."""
        self._by_storage.get((volume.place, volume.storage), {}).pop(volume.name, None)

    def find(self, place: str, storage: str, name: str) -> LabVolume | None:
        """The volume of that name, if it is there."""
        return self._by_storage.get((place, storage), {}).get(name)

    def on(self, place: str, storage: str) -> list[LabVolume]:
        """All volumes of one storage at one place."""
        return list(self._by_storage.get((place, storage), {}).values())

    def everything(self) -> list[LabVolume]:
        """All volumes of the cluster."""
        return [volume for held in self._by_storage.values() for volume in held.values()]

    def children(self, base: LabVolume) -> list[LabVolume]:
        """The linked clones that still need this base volume."""
        return [v for v in self.on(base.place, base.storage) if v.parent == base.name]

    def free_disk_name(self, place: str, storage: str, vmid: int) -> str:
        """The lowest vm-<vmid>-disk-<n> nobody uses on that storage."""
        taken = set()
        for name in self._by_storage.get((place, storage), {}):
            found = re.search(rf"(?:^|/)(?:vm|base)-{vmid}-disk-(\d+)", name)
            if found:
                taken.add(int(found[1]))
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        return f"vm-{vmid}-disk-{number}"
