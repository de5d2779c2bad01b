"""Migrate to target node: offline, once, with the disks mapped; a VM that cannot move stays, with a note."""

from __future__ import annotations

from engine.clock import now_ms
from engine.pipelines.model import Done, Fail, Outcome, Skip, Wait
from engine.pipelines.steps import facts
from engine.pipelines.steps.target import choose, system_storage
from engine.proxmox.fault_table import rule_for
from engine.proxmox.faults import Kind
from engine.proxmox.guest_values import GuestConfig, GuestLocation
from engine.runner.context import Context
from engine.store import settings
from engine.store.models import Vm


def migrate_to_target(ctx: Context) -> Outcome:
    """Have the VM on its target node, or say why it stays."""
    general = settings.read(settings.General)
    if not general.post_clone_migration:
        return Skip("migration after the clone is switched off")
    config, here = _now(ctx)
    target = ctx.flow.get("target") or ctx.vm.target_node
    if not target:
        choice = choose(ctx, here, config)
        if choice.why:
            return Skip(choice.why)
        target = choice.node
        ctx.remember(target=target)
    if target == here:
        ctx.set(target_node=target)
        return (
            Skip("on its target node already") if not ctx.flow.get("moving") else Done((f"moved to {here}",))
        )
    return _move(ctx, config, here, target, general.migration_timeout)


def _now(ctx: Context) -> tuple[GuestConfig, str]:
    """The VM's config and the node it is on; after a move it is looked for at its target first."""
    if ctx.flow.get("moving") and not ctx.failed:
        ctx.vm.node = ctx.flow["target"]
    config = ctx.guest.recent_config()
    here = ctx.guest.node
    if here != Vm.get_by_id(ctx.vm.id).node:
        ctx.set(node=here)
        ctx.guest.seen_at(GuestLocation(ctx.guest.vmid, here, config))
    return config, here


def _move(ctx: Context, config: GuestConfig, here: str, target: str, timeout: int) -> Outcome:
    reason = _held_back(ctx, config, here, target)
    if ctx.failed:
        return _after_failure(ctx, here)
    if reason:
        return Skip(f"stays on {here}: {reason}")
    if wait := ctx.turn(f"tasks:{here}", ctx.vm.server.tasks_per_node, f"node {here} is busy"):
        return wait
    storage = ctx.plan.system_disk.storage or system_storage(config)
    ctx.remember(moving=now_ms(), target=target)
    outcome = ctx.act(lambda: ctx.guest.migrate(target, storage or None))
    if isinstance(outcome, Wait):
        return Wait("task", outcome.why, upid=outcome.upid, seconds=float(timeout))
    return outcome


def _held_back(ctx: Context, config: GuestConfig, here: str, target: str) -> str:
    """What is known to make the move impossible before it is tried."""
    shared = {one.name for one in facts.storages(ctx.cluster, here) if one.shared}
    linked = ctx.plan.clone == "linked"
    for key, drive in config.drives.items():
        if drive.is_disk and linked and drive.storage not in shared:
            return f"disk {key} is a linked clone on local storage {drive.storage}"
    return (
        ""
        if target in {node.name for node in facts.nodes(ctx.cluster) if node.online}
        else f"node {target} is away"
    )


def _after_failure(ctx: Context, here: str) -> Outcome:
    """A move that cannot work is a note and the VM stays; one that may work later is a failure to retry."""
    rule = rule_for(None, ctx.failed)
    if rule.kind in (Kind.BUSY, Kind.TRANSIENT):
        return Fail(ctx.failed)
    ctx.set(target_node=here)
    return Skip(f"stays on {here}: {ctx.failed}")
