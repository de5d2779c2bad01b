"""What somebody else does to the cluster behind our back: another administrator, another tool."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from engine.errors import Refused
from kvmtui.lab.disks import format_for, free
from kvmtui.lab.drives import volumes_of
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.volumes import LabVolume
from kvmtui.lab.world import LabCluster


def _guest(world: LabCluster, vmid: int) -> LabGuest:
    guest = world.roster.get(vmid)
    if guest is None:
        raise Refused(f"The lab has no guest {vmid}.")
    return guest


def _own_volumes(world: LabCluster, guest: LabGuest) -> list[LabVolume]:
    found = (world.volume(guest.node, volid) for volid in volumes_of(guest.config))
    return [each for each in found if each is not None and each.vmid == guest.vmid]


def delete(world: LabCluster, vmid: int) -> None:
    """Destroy a guest and its disks, running or not; Proxmox VE does not while a task of its own has it locked."""
    guest = _guest(world, vmid)
    if guest.config.get("lock") in ("clone", "create", "migrate"):
        raise Refused(f"VM is locked ({guest.config['lock']})")
    for each in _own_volumes(world, guest):
        free(world, each)
    world.roster.pop(vmid)
    world.effect("foreign-delete", guest.node, vmid)


def rename(world: LabCluster, vmid: int, name: str) -> None:
    """Give a guest another name."""
    guest = _guest(world, vmid)
    guest.config["name"] = name
    world.note(guest)
    world.effect("foreign-rename", guest.node, vmid, name)


def migrate(world: LabCluster, vmid: int, target: str) -> None:
    """Move a guest with its local disks to another node."""
    guest = _guest(world, vmid)
    if target not in world.nodes:
        raise Refused(f"The lab has no node {target}.")
    for each in _own_volumes(world, guest):
        if each.place:
            world.shelf.remove(each)
            each.place = target
            world.shelf.add(each)
    guest.node = target
    world.effect("foreign-migrate", target, vmid)


def lock(world: LabCluster, vmid: int, lock: str = "backup") -> None:
    """Lock a guest's config, or unlock it with an empty lock."""
    guest = _guest(world, vmid)
    guest.set_lock(lock or None)
    world.effect("foreign-lock", guest.node, vmid, lock)


def create(world: LabCluster, vmid: int, node: str = "", name: str = "foreign") -> None:
    """Put a guest that is not ours under this id."""
    if vmid in world.roster:
        raise Refused(f"The lab already has a guest {vmid}.")
    where = node or next(iter(world.nodes))
    guest = LabGuest(vmid, where, {"name": name, "cores": 1, "memory": "512", "ostype": "l26"})
    world.roster[vmid] = guest
    world.note(guest)
    world.effect("foreign-create", where, vmid, name)


def config(world: LabCluster, vmid: int, **changes: Any) -> None:
    """Write config keys as given; None removes one."""
    guest = _guest(world, vmid)
    for key, value in changes.items():
        if value is None:
            guest.config.pop(key, None)
        else:
            guest.config[key] = value
    world.note(guest)
    world.effect("foreign-config", guest.node, vmid, ",".join(sorted(changes)))


def volume(world: LabCluster, vmid: int, volid: str, size: int) -> None:
    """Put a volume of a guest on its storage, so that what its config names is there."""
    guest = _guest(world, vmid)
    storage, _, name = volid.partition(":")
    if storage not in world.storages:
        raise Refused(f"The lab has no storage {storage}.")
    place = world.place(storage, guest.node)
    world.shelf.add(
        LabVolume(
            place, storage, name, size, format_for(world, storage), "images", vmid, 0, int(world.clock.now())
        )
    )
    world.effect("foreign-volume", guest.node, vmid, volid)


def hold_lock(world: LabCluster, vmid: int, seconds: float = 30.0) -> None:
    """Hold the lock file of a guest's config, as `qm cleanup` does after a start soon after a shutdown."""
    world.background(world.hold_config_lock(_guest(world, vmid).vmid, seconds))


def power(world: LabCluster, vmid: int, status: str) -> None:
    """Start or stop a guest at once."""
    guest = _guest(world, vmid)
    if guest.status != status:
        guest.power(status, world.clock.now())
    world.effect("foreign-power", guest.node, vmid, status)


ACTIONS: dict[str, Callable[..., Any]] = {
    "delete": delete,
    "rename": rename,
    "migrate": migrate,
    "lock": lock,
    "create": create,
    "config": config,
    "volume": volume,
    "power": power,
    "hold-lock": hold_lock,
}


async def act(world: LabCluster, action: str, **args: Any) -> None:
    """Do one of the foreign actions by its name."""
    chosen = ACTIONS.get(action)
    if chosen is None:
        raise Refused(f"The lab knows no foreign action '{action}'. It knows: {', '.join(ACTIONS)}.")
    try:
        done = chosen(world, **args)
    except TypeError as problem:
        raise Refused(f"The foreign action '{action}' was given wrong arguments: {problem}.") from problem
    if inspect.isawaitable(done):
        await done
