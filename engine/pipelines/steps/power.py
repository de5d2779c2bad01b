"""Start, stop, shut down, reboot: the state decides, not the task that was to bring it about."""

from __future__ import annotations

from dataclasses import replace

from engine.clock import now_ms
from engine.pipelines.context import IGNORED, Context
from engine.pipelines.steps import ha, pending
from engine.proxmox.guest_values import GuestStatus
from engine.traffic.sampling import count_before_stop
from engine.work.model import Done, Fail, Outcome, Skip, Wait

GRACE_S = 120
LINE_EVERY_S = 15
STAYS_OFF = "the service is suspended; the VM stays off"


def start(ctx: Context) -> Outcome:
    """Have the VM running."""
    status = read_status(ctx)
    if status.running:
        _prove_unless_acted(ctx)
        ctx.kept["status"] = status
        notes = () if ctx.acted else pending.lines(ctx)  # our own start has taken everything over
        return ctx.reached(notes, why="running already")
    if waiting := ha.wait(ctx, status, "started"):
        return waiting
    if wait := ctx.turn(f"tasks:{ctx.vm.node}", ctx.vm.server.tasks_per_node, f"node {ctx.vm.node} is busy"):
        return wait
    return ctx.act(ctx.guest.start)


def suspended(ctx: Context) -> bool:
    """Whether the service is suspended now: it may have been when this was already queued."""
    return bool(ctx.vm.service.status == "Suspended")


def start_unless_suspended(ctx: Context) -> Outcome:
    """Have the VM running, unless its service is suspended."""
    return Skip(STAYS_OFF) if suspended(ctx) else start(ctx)


def stop(ctx: Context) -> Outcome:
    """Have the VM off, by pulling the plug."""
    status = before_stop(ctx)
    if not status.running:
        return _stopped_already(ctx)
    return ha.wait(ctx, status, "stopped") or ctx.act(ctx.guest.stop)


def shut_down(ctx: Context) -> Outcome:
    """Have the VM off. The guest is asked first and has 120 s; it is stopped by force only when those have passed.

    `still_shutting_down` writes a line every 15 s in between.
    """
    status = before_stop(ctx)
    if not status.running:
        ctx.remember(asked_at=None, ignored=False, forced=False)
        return _stopped_already(ctx)
    if waiting := ha.wait(ctx, status, "stopped"):
        if isinstance(waiting, Fail):
            ctx.remember(asked_at=None)
        return waiting
    if ctx.failed_reason == IGNORED:
        ctx.remember(ignored=True)
        ctx.failed = ""  # answered by what follows
    if ctx.flow.get("ignored"):
        return _stop_by_force(ctx)
    asked = bool(ctx.flow.get("asked_at"))
    ctx.remember(asked_at=None)
    if asked and not ctx.failed:
        return Fail("the guest shut down, but it runs again: somebody else started it")
    outcome = _asked(ctx, ctx.act(lambda: ctx.guest.shutdown(GRACE_S)))
    ha.note_force(ctx, status, GRACE_S)
    return outcome


def _asked(ctx: Context, outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Wait) or outcome.on != "task":
        return outcome
    ctx.remember(asked_at=now_ms(), lines=0)
    return replace(outcome, why="shutting down", seconds=LINE_EVERY_S)


def _stop_by_force(ctx: Context) -> Outcome:
    """The guest had its time: stop it. One that still runs after that is a failure, and is stopped again."""
    forced = bool(ctx.flow.get("forced"))
    ctx.remember(forced=False)
    if forced and not ctx.failed:
        return Fail("the VM was stopped by force, but it still runs")
    outcome = ctx.act(ctx.guest.stop)
    if isinstance(outcome, Wait) and outcome.on == "task":
        ctx.note(f"the guest did not shut down within {GRACE_S} s; it is stopped by force")
        ctx.remember(forced=True)
    return outcome


def still_shutting_down(ctx: Context, wait: Wait) -> Wait:
    """A line every 15 seconds while the guest takes its time."""
    asked = ctx.flow.get("asked_at")
    if not asked or ctx.flow.get("forced"):
        return wait
    passed = (now_ms() - int(asked)) // 1000
    lines = passed // LINE_EVERY_S
    notes = (
        (f"still shutting down after {passed} s of {GRACE_S} s",) if lines > ctx.flow.get("lines", 0) else ()
    )
    ctx.remember(lines=lines)
    return replace(wait, why="shutting down", seconds=LINE_EVERY_S - passed % LINE_EVERY_S, notes=notes)


def _stopped_already(ctx: Context) -> Outcome:
    _prove_unless_acted(ctx)
    return ctx.reached(why="stopped already")


def _prove_unless_acted(ctx: Context) -> None:
    """Check that the guest is ours before its state counts. A call this step already made has checked it."""
    if not ctx.acted:
        ctx.guest.prove()


def request_shutdown(ctx: Context) -> Outcome:
    """Have the VM off by the guest's own doing; one that does not listen is a failure, unless HA manages it."""
    status = before_stop(ctx)
    if not status.running:
        return _stopped_already(ctx)
    if waiting := ha.wait(ctx, status, "stopped"):
        return waiting
    outcome = ctx.act(lambda: ctx.guest.shutdown(GRACE_S))
    ha.note_force(ctx, status, GRACE_S)
    return outcome


def reboot(ctx: Context) -> Outcome:
    """Restart the guest once."""
    if ctx.acted and not ctx.failed:
        read_status(ctx)
        return Done()
    if not ctx.failed and not runs(ctx):
        return Fail("the VM is off; start it instead")
    return ctx.act(ctx.guest.reboot)


def read_status(ctx: Context) -> GuestStatus:
    """The guest's current state; recorded with the step, so that no decision uses an older one."""
    status = ctx.guest.status()
    ctx.set(remote_status=status.status, remote_lock=status.lock or "", remote_seen_at=now_ms())
    return status


def runs(ctx: Context) -> bool:
    """Whether it runs; a guest that does is about to be stopped."""
    return before_stop(ctx).running


def before_stop(ctx: Context) -> GuestStatus:
    """The guest's state; counts the traffic of a running one, because its counters end with the stop."""
    status = read_status(ctx)
    if status.running:
        count_before_stop(ctx.vm, ctx.guest, status)
    return status
