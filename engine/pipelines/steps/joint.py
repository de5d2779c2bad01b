"""One call for the config values that need no task: the first step that changes one sends those of later steps too.

Each later step then finds its values in place and reports its own line. When the joint call is refused, every step
makes its own call, so that the failing one names itself. When its answer is lost, the steps look and send what is
still missing; the password, which cannot be compared, is then sent again.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.pipelines.context import Context
from engine.proxmox.faults import FaultKind, ProxmoxError
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.journal import Value
from engine.work.model import Again, Outcome, StepFunction

Part = Callable[
    [Context, GuestConfig], dict[str, Value]
]  # the keys of the config that a step would change now

_NOT_REFUSED = (FaultKind.TRANSIENT, FaultKind.BUSY, FaultKind.AMBIGUOUS)


def jointly(run: StepFunction, own: Part, *later: Part) -> StepFunction:
    """The step `run`, whose values are those of `own`; it sends what `later` wants with the same call."""

    def look(ctx: Context) -> Outcome:
        ctx.carried = own.__name__ in ctx.flow.get("joint", ())
        if later and "joint" not in ctx.flow and not ctx.failed:
            outcome = _send(ctx, own, later)
            if outcome is not None:
                return outcome
        return run(ctx)

    return look


def _send(ctx: Context, own: Part, later: tuple[Part, ...]) -> Outcome | None:
    """Make the joint call; None when there is nothing to join, or when the cluster refuses it."""
    config = ctx.guest.recent_config()
    if not own(ctx, config):
        return None
    wanted = {part.__name__: part(ctx, config) for part in (own, *later)}
    names = [name for name, changes in wanted.items() if changes]
    if len(names) < 2:
        return None
    together = {key: value for changes in wanted.values() for key, value in changes.items()}
    try:
        outcome = ctx.act(lambda: ctx.guest.set_config(together, at_once=True))
    except ProxmoxError as error:
        if error.kind in _NOT_REFUSED:
            raise
        ctx.remember(joint=[])
        return None
    if isinstance(outcome, Again):  # else somebody holds a lock, and nothing was sent
        ctx.remember(joint=names)
    return outcome
