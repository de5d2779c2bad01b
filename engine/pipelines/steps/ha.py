"""A guest that HA manages: one request for a state, then a wait; nothing is done against HA.

Proxmox hands start, stop and shutdown of such a guest to HA, as requests for `started` and `stopped`. The task ends
when HA was asked, not when the guest is there.
"""

from __future__ import annotations

from engine.clock import now_ms
from engine.pipelines.context import Context
from engine.proxmox.guest_values import GuestStatus
from engine.proxmox.ha import STUCK, HaState, WantedState
from engine.work.model import Fail, Outcome, Wait

__all__ = ["PATIENCE_S", "STUCK", "note_force", "note_removal", "wait", "wait_for_move"]

PATIENCE_S = 300
_LOOK_S = 3.0


def wait(ctx: Context, status: GuestStatus, wanted: WantedState) -> Outcome | None:
    """The wait for HA to bring the guest to the wanted state, or to be able to; a failure after five minutes.

    None for a guest that HA does not manage, or when the request has still to be made.
    """
    if not status.ha_managed:
        return None
    asked = ctx.acted and not ctx.failed
    state = HaState(ctx.guest.vmid, status.ha_state, wanted if asked else "")
    why = state.why_wait(wanted)
    if not why and asked:
        why = f"VM {state.vmid} is managed by HA (state {state.state}); waiting until HA has it {wanted}."
    return _patiently(ctx, why.rstrip(".")) if why else None


def _patiently(ctx: Context, why: str) -> Outcome:
    since = int(ctx.flow.get("ha_since") or now_ms())
    if now_ms() - since >= PATIENCE_S * 1000:
        return Fail(f"{why}; not done within {PATIENCE_S} s. See `ha-manager status` on a node")
    ctx.remember(ha_since=since)
    return Wait("time", why, seconds=_LOOK_S)


def wait_for_move(ctx: Context, target: str) -> Wait | None:
    """The wait for HA to move the guest to the requested node; None once that has taken too long."""
    if now_ms() - int(ctx.flow["moving"]) >= PATIENCE_S * 1000:
        return None
    why = f"VM {ctx.guest.vmid} is managed by HA; waiting until HA has moved it to {target}"
    return Wait("time", why, seconds=_LOOK_S)


def note_force(ctx: Context, status: GuestStatus, seconds: int) -> None:
    """Say that a shutdown through HA ends by force, when one was just requested."""
    if status.ha_managed and ctx.journal.sent:
        ctx.note(f"VM {ctx.vm.vmid} is managed by HA, which stops it by force after {seconds} s")


def note_removal(ctx: Context) -> None:
    """Say that the guest's HA resource goes with it, when it has one; call it before the guest is deleted."""
    if requested := ctx.guest.ha_request():
        ctx.note(f"the HA resource vm:{ctx.vm.vmid} (requested {requested}) is deleted with the VM")
