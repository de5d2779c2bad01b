"""Set CPU & RAM."""

from __future__ import annotations

from engine.pipelines.context import Context
from engine.proxmox.guest import EMPTY_CD, free_cd_slot
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.journal import Value
from engine.work.model import Outcome


def set_cpu_ram(ctx: Context) -> Outcome:
    """Have the cores, sockets and memory of the plan, 0 leaving the template's, and the CD drive it wants."""
    changes = cpu_ram(ctx, ctx.guest.recent_config())
    if not changes:
        return ctx.reached()
    return ctx.act(lambda: ctx.guest.set_config(changes, at_once=True))


def cpu_ram(ctx: Context, config: GuestConfig) -> dict[str, Value]:
    """What of the config differs from the plan's cores, sockets, memory and CD drive."""
    plan = ctx.plan
    now = {"cores": config.cores, "sockets": config.sockets, "memory": config.memory_mib}
    wanted = {"cores": plan.cores, "sockets": plan.sockets, "memory": plan.memory}
    changes: dict[str, Value] = {key: value for key, value in wanted.items() if value and value != now[key]}
    if plan.cd_drive and config.cd_drive is None and (slot := free_cd_slot(config)):
        changes[slot] = EMPTY_CD
        line = f"an empty CD drive is added ({slot})"
        if line not in ctx.notes:
            ctx.note(line)
    return changes
