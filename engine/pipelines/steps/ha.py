"""A guest that HA manages: it is asked for a state once and then waited for; nothing is done against HA.

Proxmox hands start, stop and shutdown of such a guest to HA. The task ends when HA was asked, not when the guest is
there. HA gives a shutdown its time and then stops the guest itself.
"""

from __future__ import annotations

from engine.clock import now_ms
from engine.pipelines.context import Context
from engine.proxmox.guest_values import GuestStatus
from engine.proxmox.ha import HaState, Request
from engine.work.model import Fail, Outcome, Wait

PATIENCE_S = 300
_LOOK_S = 3.0


def wait(ctx: Context, status: GuestStatus, wanted: Request) -> Outcome | None:
    """The wait for HA to bring the guest to a state it was asked for, or for a move of HA's own to end.

    None for a guest that HA does not manage, or that has still to be asked.
    """
    if not _managed(status):
        return None
    asked = ctx.acted and not ctx.failed
    state = HaState(ctx.guest.vmid, status.ha_state, wanted if asked else "ignored")
    why = state.why_wait(wanted)
    if not why and asked:
        why = f"VM {state.vmid} is managed by HA (state {state.state}); waiting until HA has it {wanted}."
    return _patiently(ctx, why) if why else None


def wait_for_move(ctx: Context, status: GuestStatus, target: str) -> Outcome | None:
    """The wait for HA to move the guest to the node it was asked to; None when it has still to be asked."""
    if not _managed(status) or not ctx.acted or ctx.failed:
        return None
    return _patiently(
        ctx, f"VM {ctx.guest.vmid} is managed by HA; waiting until HA has moved it to {target}."
    )


def _managed(status: GuestStatus) -> bool:
    return status.ha_managed and status.ha_state != "ignored"


def _patiently(ctx: Context, why: str) -> Outcome:
    step, since = ctx.flow.get("ha_since") or ("", 0)
    if step != ctx.journal.step:
        since = now_ms()
    why = why.rstrip(".")
    if now_ms() - since >= PATIENCE_S * 1000:
        ctx.remember(ha_since=None)
        return Fail(f"{why}; not done within {PATIENCE_S} s. See `ha-manager status` on a node")
    ctx.remember(ha_since=[ctx.journal.step, since])
    return Wait("time", why, seconds=_LOOK_S)
