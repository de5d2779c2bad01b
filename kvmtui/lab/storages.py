"""Storages as seen from a node: their status and what lies on them."""

from __future__ import annotations

import asyncio
from typing import Any

from fakepve.model import PveError, TaskError
from fakepve.routing import die, param_error, split_list

from kvmtui.lab.disks import free
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import FILE_STORAGES, LabVolume
from kvmtui.lab.world import LabCluster, serves

NODE = "/nodes/{node}/storage"
CONTENT = NODE + "/{storage}/content"
VOLUME = CONTENT + "/{volume}"


def _enabled(world: LabCluster, storage: str, node: str) -> bool:
    store = world.storages[storage]
    nodes = split_list(store.get("nodes"))
    return not store.get("disable") and (not nodes or node in nodes)


def storage_resource(world: LabCluster, node: str, storage: str, user: str) -> dict[str, Any] | None:
    """The entry of a storage in /cluster/resources, or None where it is not enabled or not to be seen."""
    if not _enabled(world, storage, node) or not world._can_audit(user, storage):
        return None
    store = world.storages[storage]
    there = store.get("active", 1) and world.nodes[node]["online"]
    item = {
        "id": f"storage/{node}/{storage}",
        "type": "storage",
        "node": node,
        "storage": storage,
        "status": "available" if there else "unknown",
        "plugintype": store["type"],
        "content": store["content"],
        "shared": int(bool(store.get("shared"))),
    }
    total, used = world.free_space(storage, node) if there else (0, 0)
    return {**item, "maxdisk": total, "disk": used}


def _status(world: LabCluster, storage: str, node: str) -> dict[str, Any]:
    store = world.storages[storage]
    enabled = _enabled(world, storage, node)
    active = enabled and bool(store.get("active", 1))
    total, used = world.free_space(storage, node) if active else (0, 0)
    return {
        "type": store["type"],
        "content": store["content"],
        "enabled": int(enabled),
        "active": int(active),
        "shared": int(bool(store.get("shared"))),
        "total": total,
        "used": used,
        "avail": total - used,
    }


@serves("GET", NODE)
async def storage_list(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The storages of a node the user may see, filtered by content, id and target."""
    node, wanted, target = values["node"], split_list(values.get("content")), values.get("target")
    found = []
    for name in sorted(world.storages):
        item = {"storage": name, **_status(world, name, node)}
        fits = not wanted or (item["enabled"] and set(wanted) & set(item["content"].split(",")))
        reachable = target in (None, node) or (item["shared"] and _enabled(world, name, str(target)))
        if not (
            fits and reachable and values.get("storage") in (None, name) and world._can_audit(user, name)
        ):
            continue
        if values.get("enabled") and not item["enabled"]:
            continue
        if item["total"]:
            item["used_fraction"] = item["used"] / item["total"]
        found.append(item)
    if values.get("storage") and values["storage"] not in world.storages:
        raise param_error(storage="No such storage.")
    return found


@serves("GET", NODE + "/{storage}/status")
async def storage_status(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One storage of a node."""
    if values["storage"] not in world.storages:
        raise param_error(storage="No such storage.")
    return _status(world, values["storage"], values["node"])


def _item(world: LabCluster, volume: LabVolume) -> dict[str, Any]:
    item: dict[str, Any] = {
        "volid": volume.volid,
        "content": volume.content,
        "format": volume.format,
        "size": volume.size,
        "ctime": volume.ctime,
    }
    if volume.vmid is not None:
        item["vmid"] = volume.vmid
    if volume.content == "images" and world.storages[volume.storage]["type"] in FILE_STORAGES:
        item |= {"used": volume.used, "parent": f"../{volume.parent}" if volume.parent else None}
    elif volume.parent:
        item["parent"] = volume.parent
    if volume.notes:
        # Lists tell only the first line; the whole text is in the volume's own answer.
        item["notes"] = volume.notes.splitlines()[0]
    if volume.content == "backup":
        item |= {"subtype": "qemu", "protected": int(volume.protected)}
    if world.storages[volume.storage].get("approximate"):
        item["approximate-size"] = item.pop("size")
    return item


@serves("GET", CONTENT)
async def content_list(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """What lies on a storage as seen from a node."""
    storage, node = values["storage"], values["node"]
    store = world._active_store(storage, node)
    kinds = set(split_list(store.get("content")))
    found = []
    for volume in world.shelf.on(world.place(storage, node), storage):
        wanted = values.get("content") in (None, volume.content) and volume.content in kinds
        if wanted and values.get("vmid") in (None, volume.vmid) and _may_see(world, user, volume):
            found.append(_item(world, volume))
    return sorted(found, key=lambda item: str(item["volid"]))


def _may_see(world: LabCluster, user: str, volume: LabVolume) -> bool:
    try:
        world._check_access(user, volume.storage, volume.content, volume.vmid, volume.volid)
    except PveError:
        return False
    return True


def _target(world: LabCluster, values: dict[str, Any]) -> tuple[str, str, str]:
    """Storage, name and kind of the volume a path names, or Proxmox's refusal."""
    storage, name, _volid, _store, kind, _owner, _format = world._volume_target(values)
    return str(storage), str(name), str(kind)


def _found(world: LabCluster, values: dict[str, Any]) -> LabVolume:
    storage, name, _ = _target(world, values)
    volume = world.shelf.find(world.place(storage, values["node"]), storage, name)
    if volume is None:
        raise die(f"volume_size_info on '{storage}:{name}' failed - no format")
    return volume


@serves("GET", VOLUME)
async def content_info(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One volume with its path and, for a backup, its whole notes."""
    storage, _name, volid, _store, kind, owner, _format = world._volume_target(values)
    world._check_access(user, storage, kind, owner, volid)
    volume = _found(world, values)
    item: dict[str, Any] = {
        "path": world._volume_path(volume.storage, volume.name, volume.content),
        "size": volume.size,
        "used": volume.used,
        "format": volume.format,
    }
    if volume.content == "backup":
        item |= {"notes": volume.notes or "", "protected": int(volume.protected)}
    return item


@serves("PUT", VOLUME)
async def content_update(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Change the notes or the protection of a backup."""
    storage, _name, volid, _store, kind, owner, _format = world._volume_target(values)
    world._check_access(user, storage, kind, owner, volid)
    volume = _found(world, values)
    if volume.content != "backup":
        raise die(
            "only backups can have notes"
            if "notes" in values
            else "only backups support attribute 'protected'"
        )
    if "notes" in values:
        volume.notes = values["notes"] or None
    if "protected" in values:
        volume.protected = bool(values["protected"])
    world.effect("backup-change", values["node"], volume.vmid, volume.volid)


@serves("DELETE", VOLUME)
async def content_delete(world: LabCluster, values: dict[str, Any], user: str) -> str | None:
    """Delete a volume in a task."""
    storage, name, _volid, _store, kind, owner, _format = world._volume_target(values)
    volid, node = f"{storage}:{name}", values["node"]
    if kind == "backup" and owner:
        world.require(user, f"/storage/{storage}", "Datastore.AllocateSpace")
        world.require(user, f"/vms/{owner}", "VM.Backup")
    else:
        world.require(user, f"/storage/{storage}", "Datastore.Allocate")

    async def body(task: LabTask) -> None:
        await world.clock.sleep(world.took("imgdel", 0.5, 2, volid))
        still = world.shelf.find(world.place(storage, node), storage, name)
        if still is not None and still.protected:
            raise TaskError(f"cannot remove protected volume '{name}' on '{storage}'")
        if still is not None and world.shelf.children(still):
            raise TaskError(f"base volume '{volid}' is still in use by linked cloned")
        if still is None and world.storages[storage]["type"] in FILE_STORAGES:
            task.say(f"disk image '{world._volume_path(storage, name, kind)}' does not exist")
        if still is not None:
            free(world, still)
        task.say(f"Removed volume '{volid}'")

    ident = f"{owner}@{storage}" if owner else storage
    upid = await world.workers.start(node, "imgdel", ident, user, body, vmids=(owner,) if owner else ())
    task, delay = world.workers.by_upid[upid], int(values.get("delay") or 0)
    if delay and task.worker is not None:
        await world.clock.wait_for(asyncio.shield(task.worker), delay)
    if not delay or task.running:
        return upid
    if task.exitstatus != "OK":
        raise die(str(task.exitstatus))
    return None
