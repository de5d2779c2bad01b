"""The target node: the one its product names, or the one with the most free memory that fits the VM."""

from __future__ import annotations

from dataclasses import dataclass, replace

from peewee import fn

from engine.pipelines.context import Context
from engine.pipelines.steps import facts
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.values import NodeInfo
from engine.store.models import Node, Vm

_MIB = 1024 * 1024
_NOT_YET_UP = (
    "set_dns",
    "migrated",
    "set_cpu_ram",
    "set_system_disk_size",
    "set_system_disk_bandwidth",
    "set_created_additional_disk",
    "set_additional_disk_size",
    "set_additional_disk_bandwidth",
    "set_network",
    "set_firewall",
    "set_cloudinit",
)


@dataclass(frozen=True, slots=True)
class TargetNode:
    """The node chosen, or why it is the one the VM is on."""

    node: str
    why: str = ""


def choose(ctx: Context, here: str, config: GuestConfig) -> TargetNode:
    """The node the VM belongs on; `here` with a reason when no other will do."""
    wanted = ctx.plan.target_node
    nodes = {node.name: node for node in facts.nodes(ctx.cluster)}
    if wanted not in ("auto", ""):
        reason = _cannot(ctx, nodes.get(wanted), wanted, config)
        return (
            TargetNode(here, f"stays on {here}: {reason}")
            if reason and wanted != here
            else TargetNode(wanted)
        )
    coming = _coming(ctx)
    nodes = {
        name: _with_less(node, coming.get(name, 0) * ctx.plan.memory * _MIB) for name, node in nodes.items()
    }
    roomiest_first = sorted(
        nodes.values(), key=lambda node: (-node.memory_free, node.name != here, node.name)
    )
    for node in roomiest_first:  # the first that fits is the best: the others need not be asked
        if not _cannot(ctx, node, node.name, config):
            return TargetNode(node.name)
    return TargetNode(here, f"stays on {here}: no node has its storages, its bridge and enough free memory")


def _coming(ctx: Context) -> dict[str, int]:
    """How many other VMs are on their way to each node and use none of its memory yet."""
    rows = (
        Vm.select(Vm.target_node, fn.COUNT(Vm.id))
        .where(
            Vm.server == ctx.vm.server_id,
            Vm.id != ctx.vm.id,
            Vm.target_node != "",
            Vm.vm_status.in_(_NOT_YET_UP),
        )
        .group_by(Vm.target_node)
    )
    return {node: int(number) for node, number in rows.tuples()}


def _with_less(node: NodeInfo, taken: int) -> NodeInfo:
    """The node with so much of its memory promised to others, each taken to be as large as this VM."""
    return replace(node, memory_used=node.memory_used + taken)


def _cannot(ctx: Context, node: NodeInfo | None, name: str, config: GuestConfig) -> str:
    """Why a node cannot hold the VM; empty when it can."""
    if node is None:
        return f"there is no node {name}"
    if not node.online:
        return f"node {name} is offline"
    if Node.select().where(Node.server == ctx.vm.server_id, Node.name == name, Node.paused).exists():
        return f"node {name} is paused"
    if node.memory_free < ctx.plan.memory * _MIB:
        return f"node {name} has too little free memory"
    usable = {one.name for one in facts.storages(ctx.cluster, name) if one.enabled and one.active}
    missing = sorted(needed_storages(ctx, config) - usable)
    if missing:
        return f"node {name} does not have storage {', '.join(missing)}"
    bridge = ctx.vm.bridge or ctx.plan.network.bridge
    if bridge not in {one.name for one in facts.bridges(ctx.cluster, name)}:
        return f"node {name} does not have bridge {bridge}"
    return ""


def needed_storages(ctx: Context, config: GuestConfig) -> set[str]:
    """The target storages of the VM's disks."""
    system = ctx.plan.system_disk.storage or system_storage(config)
    needed = {system} if system else set()
    if ctx.plan.additional_disk.size > 0:
        needed.add(ctx.plan.additional_disk.storage or system)
    return needed


def system_storage(config: GuestConfig) -> str:
    """The storage the system disk is on now."""
    key = config.system_disk
    return (config.drives[key].storage or "") if key else ""
