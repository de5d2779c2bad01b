"""On which storage a disk goes, in which format, and what to say when the product's storage is not there."""

from __future__ import annotations

from collections.abc import Iterator

from engine.pipelines.context import Context
from engine.pipelines.steps import facts
from engine.proxmox.disk_formats import new_disk_format
from engine.proxmox.values import Storage
from engine.store import settings


def missing_storage(ctx: Context, template_node: str) -> str:
    """Why a storage the product names cannot hold its disk anywhere the VM may go; empty when it can."""
    for name in _named(ctx):
        seen: dict[str, Storage | None] = {}
        for node in _places(ctx, template_node):
            one = next((each for each in facts.storages(ctx.cluster, node) if each.name == name), None)
            seen[node] = one
            if one and one.usable and "images" in one.content:
                break
        else:
            return _why(ctx, name, [one for one in seen.values() if one], list(seen))
    return ""


def missing_on(ctx: Context, node: str, name: str) -> str:
    """Why a node's storage of that name cannot hold a disk; empty when it can."""
    found = [one for one in facts.storages(ctx.cluster, node) if one.name == name]
    if any(one.usable and "images" in one.content for one in found):
        return ""
    return _why(ctx, name, found, [node])


def _named(ctx: Context) -> Iterator[str]:
    if ctx.plan.system_disk.storage:
        yield ctx.plan.system_disk.storage
    if ctx.plan.additional_disk.size > 0 and ctx.plan.additional_disk.storage:
        yield ctx.plan.additional_disk.storage


def _places(ctx: Context, template_node: str) -> Iterator[str]:
    """The node of the template, then those a migration may bring the VM to; the likely one answers for all."""
    yield template_node
    if not settings.read(settings.General).post_clone_migration:
        return
    wanted = ctx.plan.target_node
    for node in facts.nodes(ctx.cluster):
        if node.online and node.name != template_node and wanted in ("auto", "", node.name):
            yield node.name


def _why(ctx: Context, name: str, seen: list[Storage], nodes: list[str]) -> str:
    server = ctx.vm.server.name
    if not seen:
        return (
            f"storage {name} of the product is not on {', '.join(nodes)} of {server}, as far as this login sees. "
            f"Check its name and its nodes, and that the login has Datastore.Audit and Datastore.AllocateSpace "
            f"on /storage/{name}"
        )
    if not any("images" in one.content for one in seen):
        return (
            f"storage {name} of the product takes no disk images; "
            f"add them under Datacenter > Storage > {name} > Content"
        )
    return f"storage {name} of the product is not active on {', '.join(nodes)}; check it in Proxmox"


def clone_storage(ctx: Context, node: str) -> str | None:
    """The product's storage, when the template's node has it; otherwise the migration moves the disk there."""
    wanted = ctx.plan.system_disk.storage
    return wanted if wanted in {one.name for one in facts.storages(ctx.cluster, node) if one.usable} else None


def disk_format(ctx: Context, node: str, storage: str) -> str | None:
    """The format to say for a new disk there, so that it can be snapshotted; None where there is no choice."""
    kinds = {one.name: one.type for one in facts.storages(ctx.cluster, node)}
    return new_disk_format(kinds.get(storage, ""))
