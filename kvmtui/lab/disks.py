"""Allocating, cloning, growing and freeing volumes, under the storage's lock as Proxmox takes it."""

from __future__ import annotations

from fakepve.routing import die

from kvmtui.lab.volumes import CLOUDINIT_BYTES, FILE_STORAGES, LabVolume
from kvmtui.lab.world import COPY_BYTES_PER_SECOND, LabCluster

LINKABLE = (*FILE_STORAGES, "lvmthin", "zfspool", "rbd")
# Storage types whose linked volumes name their base in the volume id.
NAMES_BASE = ("rbd", "zfspool")


def format_for(world: LabCluster, storage: str, wanted: str | None = None) -> str:
    """The image format a new volume gets on a storage."""
    store = world.storages[storage]
    if store["type"] in FILE_STORAGES:
        return wanted or str(store.get("format", "raw"))
    return "raw"


def disk_name(world: LabCluster, place: str, storage: str, vmid: int, fmt: str) -> str:
    """The name the next disk of a guest gets on a storage."""
    name = world.shelf.free_disk_name(place, storage, vmid)
    return f"{vmid}/{name}.{fmt}" if world.storages[storage]["type"] in FILE_STORAGES else name


async def _locked(world: LabCluster, node: str, storage: str) -> None:
    """Hold the storage's allocation lock for as long as an allocation takes."""
    name, refusal = world.flocks.storage(world.place(storage, node), storage)
    async with world.flocks.hold(name, world.alloc_wait, refusal):
        await world.clock.sleep(world.alloc_seconds)


def check_online(world: LabCluster, storage: str) -> None:
    """Proxmox's refusal for a storage that cannot be reached."""
    if not world.storages[storage].get("active", 1):
        raise die(f"storage '{storage}' is not online")


async def allocate(
    world: LabCluster,
    node: str,
    storage: str,
    vmid: int,
    size: int,
    *,
    fmt: str | None = None,
    used: int = 0,
    name: str = "",
) -> LabVolume:
    """A new empty disk of a guest; a name other than the next free one stands after `vm-VMID-`."""
    check_online(world, storage)
    await _locked(world, node, storage)
    place, kind = world.place(storage, node), format_for(world, storage, fmt)
    total, taken = world.free_space(storage, node)
    if taken + used > total:
        raise die(f"unable to create image: no space left on storage '{storage}'")
    files = world.storages[storage]["type"] in FILE_STORAGES
    if name:
        name = f"{vmid}/vm-{vmid}-{name}.{kind}" if files else f"vm-{vmid}-{name}"
    else:
        name = disk_name(world, place, storage, vmid, kind)
    volume = LabVolume(place, storage, name, size, kind, "images", vmid, used, int(world.clock.now()))
    world.shelf.add(volume)
    world.effect("allocate", node, vmid, volume.volid)
    return volume


async def link(world: LabCluster, node: str, base: LabVolume, vmid: int) -> LabVolume:
    """A linked clone of a base volume."""
    check_online(world, base.storage)
    await _locked(world, node, base.storage)
    kind = world.storages[base.storage]["type"]
    name = disk_name(world, base.place, base.storage, vmid, base.format)
    if kind in NAMES_BASE or kind in FILE_STORAGES:
        name = f"{base.name}/{name}"
    volume = LabVolume(
        base.place,
        base.storage,
        name,
        base.size,
        base.format,
        "images",
        vmid,
        0,
        int(world.clock.now()),
        base.name,
    )
    world.shelf.add(volume)
    world.effect("allocate", node, vmid, volume.volid)
    return volume


async def allocate_cloudinit(world: LabCluster, node: str, storage: str, vmid: int) -> LabVolume:
    """The cloud-init drive of a guest; one left over from an earlier life is an error."""
    check_online(world, storage)
    await _locked(world, node, storage)
    place = world.place(storage, node)
    files = world.storages[storage]["type"] in FILE_STORAGES
    name = f"{vmid}/vm-{vmid}-cloudinit.qcow2" if files else f"vm-{vmid}-cloudinit"
    if world.shelf.find(place, storage, name):
        raise die(_exists(world, storage, name))
    fmt = "qcow2" if files else "raw"
    volume = LabVolume(place, storage, name, CLOUDINIT_BYTES, fmt, "images", vmid, CLOUDINIT_BYTES)
    volume.ctime = int(world.clock.now())
    world.shelf.add(volume)
    world.effect("allocate", node, vmid, volume.volid)
    return volume


def _exists(world: LabCluster, storage: str, name: str) -> str:
    store = world.storages[storage]
    if store["type"] == "rbd":
        return f"rbd create '{name}' error: rbd: create error: (17) File exists"
    if store["type"] in FILE_STORAGES:
        return f"disk image '{store.get('path', '')}/images/{name}' already exists"
    return f'lvcreate \'pve/{name}\' error:   Logical Volume "{name}" already exists in volume group "pve"'


def free(world: LabCluster, volume: LabVolume) -> None:
    """Delete a volume."""
    world.shelf.remove(volume)
    world.effect("free", volume.place, volume.vmid, volume.volid)


async def copy_time(world: LabCluster, volume: LabVolume) -> None:
    """Wait as long as copying a volume's data takes."""
    await world.clock.sleep(max(1.0, volume.size / COPY_BYTES_PER_SECOND))
