"""The smaller calls about a VM's disks: what they can do, and detaching several at once."""

from __future__ import annotations

from typing import Any

from fakepve.routing import die, split_list

from kvmtui.lab.config import write_now
from kvmtui.lab.disks import LINKABLE
from kvmtui.lab.drives import disks_of
from kvmtui.lab.snapshots import can_snapshot
from kvmtui.lab.world import LabCluster, serves

QEMU = "/nodes/{node}/qemu/{vmid}"


@serves("GET", QEMU + "/feature")
async def feature(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """Whether the VM's disks can be cloned, copied or snapshotted."""
    guest = world.find(values["node"], values["vmid"])
    config, snapshot = guest.config, values.get("snapname")
    if snapshot:
        if snapshot not in guest.snapshots:
            raise die(f"snapshot '{snapshot}' does not exist")
        config = guest.snapshots[snapshot]
    storages = [volid.partition(":")[0] for volid, _ in disks_of(config).values()]
    able = {
        "snapshot": can_snapshot(world, guest),
        "copy": True,
        "clone": guest.template and all(world.storages[sid]["type"] in LINKABLE for sid in storages),
    }[values["feature"]]
    shared = all(world.storages[sid].get("shared") for sid in storages)
    return {"hasFeature": int(able), "nodes": list(world.nodes) if shared else [guest.node]}


@serves("PUT", QEMU + "/unlink")
async def unlink(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Detach disks, or with `force` delete them."""
    asked = {"node": values["node"], "vmid": values["vmid"], "force": values.get("force")}
    await write_now(world, {**asked, "delete": ",".join(split_list(values["idlist"]))}, user)
