"""Snapshots: taken with a name that cannot collide, by hand or by schedule, rolled back to, and removed in time."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from engine.clock import now_ms
from engine.counting import counted
from engine.pipelines.context import Context
from engine.pipelines.steps import power
from engine.proxmox.fault_table import FaultKind
from engine.redact import redact
from engine.store.database import in_transaction
from engine.store.models import DailySnapshot, Snapshot
from engine.traffic import quota
from engine.work.model import Again, Done, Fail, Outcome, Skip, Wait

DAY_MS = 86_400_000
PREFIX = "kvmtui-"


def new_name() -> str:
    """A name nobody else has: our prefix, the moment, and four random letters."""
    letters = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(4))
    return f"{PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}-{letters}"


def take(ctx: Context) -> Outcome:
    """Take a snapshot of that name; refused beyond the plan's limit, and when the name is in use already."""
    name, note = str(ctx.args["name"]), str(ctx.args.get("note", ""))
    there = ctx.guest.snapshots()
    if any(one.name == name for one in there):
        return _taken(ctx, name, note)
    limit = ctx.plan.snapshots
    if len(there) >= limit:
        return Fail(
            f"the product allows {counted(limit, 'snapshots')} and there are {len(there)}; delete one first"
            if limit
            else "the product allows no snapshots"
        )
    return _create(ctx, name, note)


def _create(ctx: Context, name: str, note: str) -> Outcome:
    refused = ctx.failed_reason == "no_snapshots"
    outcome = ctx.act(lambda: ctx.guest.create_snapshot(name, note))
    if not refused or not isinstance(outcome, Fail):
        return outcome
    repair = f"`kvmtui vm repair-disk {ctx.vm.service_id} --plan` shows which disk it is, and what helps"
    return Fail(f"{outcome.error.rstrip('. ')}. {repair}.")


def _taken(ctx: Context, name: str, note: str) -> Outcome:
    """Ours from now on, if this very step has taken it; one that was there before may be anybody's.

    A task nobody can account for has taken it: the name was free when it was sent.
    """
    if not ctx.acted and ctx.failed_kind is not FaultKind.AMBIGUOUS:
        why = f"there is a snapshot {name} already; choose another name"
        return Fail(ctx.failed if ctx.failed and ctx.failed_kind is not FaultKind.BUSY else why)
    ctx.on_commit_with_end(lambda: _enter(ctx, name, note))
    return Done((f"snapshot {name}",))


def take_scheduled(ctx: Context) -> Outcome:
    """Take the scheduled snapshot of the day; at the product's limit the oldest of ours is deleted first."""
    live = [one.name for one in ctx.guest.snapshots()]
    outcome = _take_and_replace(ctx, live)
    if isinstance(outcome, Fail):
        error = redact(outcome.error)
        in_transaction(lambda: _close_day(ctx, "failed", error))
    elif isinstance(outcome, Done):
        ctx.on_commit_with_end(lambda: _close_day(ctx, "done"))
        ctx.on_commit_with_end(lambda: forget_all_but(ctx, live))
    return outcome


def _take_and_replace(ctx: Context, live: list[str]) -> Outcome:
    name, note = str(ctx.args["name"]), str(ctx.args["note"])
    if name in live:
        return _taken(ctx, name, note)
    limit = ctx.plan.snapshots
    if len(live) < limit:
        return _create(ctx, name, note)
    oldest = _oldest_of_ours(ctx, live)
    if limit <= 0 or oldest is None:
        return Fail(
            f"the product allows {counted(limit, 'snapshots')} and none of them was created by kvmtui"
        )
    ctx.note(f"snapshot {oldest} makes room")
    return ctx.act(lambda: ctx.guest.delete_snapshot(oldest))


def _oldest_of_ours(ctx: Context, live: list[str]) -> str | None:
    query = Snapshot.select().where(Snapshot.vm == ctx.vm.id, Snapshot.name.in_(live))
    row = query.order_by(Snapshot.at, Snapshot.id).first()
    return str(row.name) if row else None


def _close_day(ctx: Context, state: str, error: str = "") -> None:
    day = (DailySnapshot.vm == ctx.vm.id) & (DailySnapshot.local_date == str(ctx.args["local_date"]))
    DailySnapshot.update(state=state, error=error, at=now_ms()).where(day).execute()


def forget_all_but(ctx: Context, live: list[str]) -> None:
    """Forget those of ours that no longer exist; call it in the transaction of a step's end."""
    Snapshot.delete().where(Snapshot.vm == ctx.vm.id, Snapshot.name.not_in(live)).execute()


def _enter(ctx: Context, name: str, note: str) -> None:
    """Remember it as ours, and as new: an older one of that name is gone, or it could not have been taken."""
    Snapshot.delete().where(Snapshot.vm == ctx.vm.id, Snapshot.name == name).execute()
    Snapshot.insert(vm=ctx.vm.id, name=name, note=note).execute()


def delete(ctx: Context) -> Outcome:
    """Have no snapshot of that name."""
    name = str(ctx.args["name"])
    if all(one.name != name for one in ctx.guest.snapshots()):
        ctx.on_commit_with_end(lambda: _forget(ctx, [name]))
        return ctx.reached(why=f"there is no snapshot {name}")
    return ctx.act(lambda: ctx.guest.delete_snapshot(name))


def roll_back(ctx: Context) -> Outcome:
    """Roll the VM back; its old notes return with it, so our mark is written again."""
    name = str(ctx.args["name"])
    if all(one.name != name for one in ctx.guest.snapshots()):
        return Fail(f"there is no snapshot {name}")
    if not ctx.acted:
        if (
            "ran" not in ctx.flow
        ):  # Proxmox switches it off; kept before that, so that a crash cannot forget it
            ctx.remember(ran=power.runs(ctx))
            ctx.save(flow=ctx.flow)
        return ctx.act(lambda: ctx.guest.rollback(name))
    return _marked(ctx, f"rolled back to {name}")


def start_again(ctx: Context) -> Outcome:
    """Have the VM running, if it ran before."""
    return power.start(ctx) if ctx.flow.get("ran") else Skip("it was off before")


def _marked(ctx: Context, what: str) -> Outcome:
    """Done once the guest carries our mark again."""
    ctx.guest.forget()
    config = ctx.guest.config()
    if config.lock:
        return Wait("lock", f"the VM is still locked ({config.lock})", seconds=3)
    if config.mark == ctx.mark:
        ctx.on_commit_with_end(lambda: quota.note_card(ctx.vm.service_id, quota.UNKNOWN_RATE))
        return Done((what,))
    ctx.guest.stamp()
    return Again()


def remove_old(ctx: Context) -> Outcome:
    """Delete ours that are older than the plan's lifetime, the oldest first; those of others are left."""
    days = ctx.plan.snapshot_lifetime
    if days <= 0:
        return Skip("the product keeps snapshots")
    live = {one.name for one in ctx.guest.snapshots()}
    edge = now_ms() - days * DAY_MS
    query = Snapshot.select().where(Snapshot.vm == ctx.vm.id, Snapshot.at < edge).order_by(Snapshot.at)
    old = [row.name for row in query]
    gone = [name for name in old if name not in live]
    left = [name for name in old if name in live]
    if left:
        return ctx.act(lambda: ctx.guest.delete_snapshot(left[0]))
    ctx.on_commit_with_end(lambda: _forget(ctx, gone))
    return ctx.reached(
        (f"{counted(len(gone), 'old snapshots are')} gone",) if gone else (), why="no snapshot is old enough"
    )


def _forget(ctx: Context, names: list[str]) -> None:
    Snapshot.delete().where(Snapshot.vm == ctx.vm.id, Snapshot.name.in_(names)).execute()
