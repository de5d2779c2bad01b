"""Set CPU & RAM."""

from __future__ import annotations

from engine.pipelines.context import Context
from engine.work.model import Outcome


def set_cpu_ram(ctx: Context) -> Outcome:
    """Have the cores, sockets and memory of the plan; 0 leaves the template's."""
    config = ctx.guest.recent_config()
    plan = ctx.plan
    now = {"cores": config.cores, "sockets": config.sockets, "memory": config.memory_mib}
    wanted = {"cores": plan.cores, "sockets": plan.sockets, "memory": plan.memory}
    changes = {key: value for key, value in wanted.items() if value and value != now[key]}
    if not changes:
        return ctx.reached()
    return ctx.act(lambda: ctx.guest.set_config(changes))
