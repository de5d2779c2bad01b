"""One call for the config values of several steps, a new disk included: the first that changes one sends them all.

Each later step then finds its values in place and reports its own line. When the joint call or its task is refused,
every step makes its own call, so that the failing one names itself. When its answer is lost, the steps look and send
what is still missing; the password, which cannot be compared, is then sent again.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.pipelines.context import Context
from engine.pipelines.steps.disks import new_disk, node_turn
from engine.proxmox.faults import FaultKind, ProxmoxError
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.journal import Value
from engine.work.model import Again, Fail, Outcome, StepFunction, Wait

Part = Callable[
    [Context, GuestConfig], dict[str, Value]
]  # the keys of the config that a step would change now

_NOT_REFUSED = (FaultKind.TRANSIENT, FaultKind.BUSY, FaultKind.AMBIGUOUS)


def jointly(run: StepFunction, own: Part, *later: Part) -> StepFunction:
    """The step `run`, whose values are those of `own`; it sends what `later` wants with the same call."""

    def look(ctx: Context) -> Outcome:
        ctx.carried = own.__name__ in ctx.flow.get("joint", ())
        if later and ctx.failed and (wait := _after_failure(ctx)):
            return wait
        if later and "joint" not in ctx.flow:
            outcome = _send(ctx, own, later)
            if outcome is not None:
                return outcome
        return run(ctx)

    return look


def _after_failure(ctx: Context) -> Outcome | None:
    """The wait after which the joint call is sent again; None when its task was refused, so each step sends its own."""
    outcome = ctx.after_failure()
    if isinstance(outcome, Fail):
        ctx.remember(joint=[])
        ctx.failed, ctx.carried = "", False
        return None
    ctx.flow.pop("joint", None)
    return outcome


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
    makes_disk = new_disk.__name__ in names
    if makes_disk and (wait := node_turn(ctx)):
        return wait
    try:
        outcome = ctx.act(lambda: ctx.guest.set_config(together, at_once=not makes_disk))
    except ProxmoxError as error:
        if error.kind in _NOT_REFUSED:
            raise
        ctx.remember(joint=[])
        return None
    if isinstance(outcome, Again) or (isinstance(outcome, Wait) and outcome.on == "task"):
        ctx.remember(joint=names)  # else somebody holds a lock, and nothing was sent
    return outcome
