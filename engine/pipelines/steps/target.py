"""Where a VM shall live: the node its product names, or the one with most free memory that can hold it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.pipelines.steps import facts
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.values import NodeInfo
from engine.runner.context import Context
from engine.store.models import Node

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Choice:
    """The node chosen, or why it is the one the VM is on."""

    node: str
    why: str = ""


def choose(ctx: Context, here: str, config: GuestConfig) -> Choice:
    """The node the VM belongs on; `here` with a reason when no other will do."""
    wanted = ctx.plan.target_node
    nodes = {node.name: node for node in facts.nodes(ctx.cluster)}
    if wanted not in ("auto", ""):
        reason = _cannot(ctx, nodes.get(wanted), wanted, config)
        return Choice(here, f"stays on {here}: {reason}") if reason and wanted != here else Choice(wanted)
    fitting = [node for node in nodes.values() if not _cannot(ctx, node, node.name, config)]
    if not fitting:
        return Choice(here, f"stays on {here}: no node has its storages, its bridge and enough free memory")
    best = max(fitting, key=lambda node: (node.memory - node.memory_used, node.name == here))
    return Choice(best.name)


def _cannot(ctx: Context, node: NodeInfo | None, name: str, config: GuestConfig) -> str:
    """Why a node cannot hold the VM; empty when it can."""
    if node is None:
        return f"there is no node {name}"
    if not node.online:
        return f"node {name} is offline"
    if Node.select().where(Node.server == ctx.vm.server_id, Node.name == name, Node.paused).exists():
        return f"node {name} is paused"
    if node.memory - node.memory_used < ctx.plan.memory * _MIB:
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
    """The storages the VM's disks shall be on."""
    system = ctx.plan.system_disk.storage or system_storage(config)
    needed = {system} if system else set()
    if ctx.plan.additional_disk.size > 0:
        needed.add(ctx.plan.additional_disk.storage or system)
    return needed


def system_storage(config: GuestConfig) -> str:
    """The storage the system disk is on now."""
    key = config.system_disk
    return (config.drives[key].storage or "") if key else ""
