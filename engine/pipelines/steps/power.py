"""Start, stop, shut down, reboot: the state decides, not the task that was to bring it about."""

from __future__ import annotations

from engine.clock import now_ms
from engine.pipelines.model import Done, Fail, Outcome, Skip, Wait
from engine.runner.context import Context

GRACE_S = 120
LINE_EVERY_S = 15


def start(ctx: Context) -> Outcome:
    """Have the VM running."""
    status = ctx.guest.status()
    if status.running:
        ctx.kept["status"] = status
        return Done() if ctx.flow.get("acted") == "start" else Skip("running already")
    if wait := ctx.turn(f"tasks:{ctx.vm.node}", ctx.vm.server.tasks_per_node, f"node {ctx.vm.node} is busy"):
        return wait
    ctx.remember(acted="start")
    return ctx.act(ctx.guest.start)


def stop(ctx: Context) -> Outcome:
    """Have the VM off, by pulling the plug."""
    if not ctx.guest.status().running:
        return Done() if ctx.flow.get("acted") == "stop" else Skip("stopped already")
    ctx.remember(acted="stop")
    return ctx.act(ctx.guest.stop)


def shut_down(ctx: Context) -> Outcome:
    """Have the VM off: asked gently first, then by force, with a line while it takes its time."""
    if not ctx.guest.status().running:
        return Done() if ctx.flow.get("asked_at") else Skip("stopped already")
    asked = ctx.flow.get("asked_at")
    if asked is None:
        ctx.remember(asked_at=now_ms())
        return _with_lines(ctx.act(lambda: ctx.guest.shutdown(GRACE_S)))
    if not ctx.flow.get("forced"):
        ctx.failed = ""  # the guest did not listen; that is what force is for
        ctx.note(f"the guest did not shut down within {GRACE_S} s; it is switched off")
        ctx.remember(forced=True)
        return ctx.act(ctx.guest.stop)
    return Fail(ctx.failed or "the VM was switched off, but it still runs")


def _with_lines(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Wait):
        return Wait("task", "shutting down", upid=outcome.upid, seconds=LINE_EVERY_S)
    return outcome


def ask_to_shut_down(ctx: Context) -> Outcome:
    """Have the VM off by the guest's own doing; one that does not listen is a failure."""
    if not ctx.guest.status().running:
        return Done() if ctx.flow.get("acted") == "shutdown" else Skip("stopped already")
    ctx.remember(acted="shutdown")
    return ctx.act(lambda: ctx.guest.shutdown(GRACE_S))


def reboot(ctx: Context) -> Outcome:
    """Restart the guest once."""
    if not ctx.guest.status().running:
        return Fail("the VM is off; start it instead")
    if ctx.flow.get("acted") == "reboot" and not ctx.failed:
        return Done()
    ctx.remember(acted="reboot")
    return ctx.act(ctx.guest.reboot)
