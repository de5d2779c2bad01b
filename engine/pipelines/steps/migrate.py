"""Migrate to target node: offline, once, with the disks mapped; a VM that cannot move stays, with a note."""

from __future__ import annotations

from dataclasses import replace

from engine.clock import now_ms
from engine.pipelines.context import Context
from engine.pipelines.steps import facts, ha
from engine.pipelines.steps.target import choose, system_storage
from engine.proxmox.faults import FaultKind
from engine.proxmox.guest_values import GuestConfig, GuestLocation
from engine.store import settings
from engine.store.models import Vm
from engine.work.model import Done, Fail, Outcome, Skip, Wait


def migrate_to_target(ctx: Context) -> Outcome:
    """Have the VM on its target node, or say why it stays."""
    general = settings.read(settings.General)
    if not general.post_clone_migration:
        return Skip("migration after the clone is switched off")
    config, here = _now(ctx)
    target = ctx.vm.target_node
    if not target:
        choice = choose(ctx, here, config)
        if choice.why:
            return _stays(ctx, config, choice.why)
        target = choice.node
        ctx.save(target_node=target)  # at once: others who choose count it in
    if target == here:
        if ctx.flow.get("by_ha"):  # which moves disks only to storages of the same name
            ctx.remember(by_ha=None)
            outcome = _stays(ctx, config, f"HA moved it to {here} and left the disk where it was")
            return outcome if isinstance(outcome, Fail) else Done((f"moved to {here}",))
        moved = ctx.acted or ctx.flow.get("moving")
        return Done((f"moved to {here}",)) if moved else _stays(ctx, config, "on its target node already")
    return _move(ctx, config, here, target)


def still_moving(ctx: Context, wait: Wait) -> Wait:
    """One line when a migration takes longer than the settings expect; it continues."""
    passed = (now_ms() - int(ctx.flow.get("moving") or now_ms())) / 1000
    timeout = settings.read(settings.General).migration_timeout
    if passed < timeout:
        return replace(wait, seconds=timeout - passed)
    if ctx.flow.get("late"):
        return wait
    ctx.remember(late=True)
    return replace(
        wait, notes=(f"the migration takes longer than {timeout} s; it continues and is waited for",)
    )


def _now(ctx: Context) -> tuple[GuestConfig, str]:
    """The VM's config and the node it is on; after a move it is looked for at its target first."""
    if ctx.flow.get("moving") and not ctx.failed:
        ctx.vm.node = ctx.vm.target_node
    guest = ctx.guest
    guest.on_move = None  # not there yet, or elsewhere: `here` says it
    config = guest.recent_config()
    here = ctx.vm.node = guest.node
    if here != Vm.get_by_id(ctx.vm.id).node:
        ctx.set(node=here)
        ctx.guest.seen_at(GuestLocation(ctx.guest.vmid, here, config))
    return config, here


def _move(ctx: Context, config: GuestConfig, here: str, target: str) -> Outcome:
    reason = _held_back(ctx, config, here, target)
    if ctx.failed:
        return _after_failure(ctx, config, here)
    if reason:
        ctx.set(target_node=here)
        return _stays(ctx, config, f"stays on {here}: {reason}")
    if ctx.flow.get("by_ha"):
        if waiting := ha.wait_for_move(ctx, target):
            return waiting
        ctx.remember(moving=None, by_ha=None)
        ctx.set(target_node=here)
        late = f"HA manages it and has not moved it to {target} within {ha.PATIENCE_S} s"
        return _stays(ctx, config, f"stays on {here}: {late}")
    if wait := ctx.turn(f"tasks:{here}", ctx.vm.server.tasks_per_node, f"node {here} is busy"):
        return wait
    storage = ctx.plan.system_disk.storage or system_storage(config)
    outcome = ctx.act(lambda: ctx.guest.migrate(target, storage or None))
    if not isinstance(outcome, Wait) or outcome.on != "task":
        return outcome
    ctx.remember(moving=now_ms(), by_ha=":hamigrate:" in outcome.upid)
    return still_moving(ctx, outcome)


def _stays(ctx: Context, config: GuestConfig, why: str) -> Outcome:
    """The VM is not moved: a note, unless only a move could have brought its disk to the product's storage."""
    wanted, actual = ctx.plan.system_disk.storage, system_storage(config)
    if ctx.plan.clone != "full" or not wanted or wanted == actual:
        return Skip(why)
    ctx.set(target_node="")  # chosen again at the next try
    return Fail(
        f"the product asks for storage {wanted}, but the disk is on {actual} and was not moved there: {why}"
    )


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


def _after_failure(ctx: Context, config: GuestConfig, here: str) -> Outcome:
    """A move that cannot work is a note and the VM stays; one that may work later is a failure to retry."""
    ctx.remember(moving=None, by_ha=None)
    if ctx.failed_kind in (FaultKind.PERMANENT, FaultKind.AUTH):
        ctx.set(target_node=here)
        return _stays(ctx, config, f"stays on {here}: {ctx.failed}")
    return ctx.after_failure() or Fail(ctx.failed)
