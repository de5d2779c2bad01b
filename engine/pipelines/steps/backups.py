"""Backups: created with our mark in their notes (the oldest of ours is deleted at the limit), deleted, and restored."""

from __future__ import annotations

from engine.clock import now_ms
from engine.counting import counted
from engine.pipelines.context import Context
from engine.pipelines.steps import power, snapshots
from engine.proxmox.fault_table import FaultKind
from engine.proxmox.mark import find_mark
from engine.proxmox.values import Backup
from engine.redact import redact
from engine.store.database import in_transaction
from engine.store.models import BackupSchedule, DailyBackup
from engine.work.model import Again, Done, Fail, Outcome, Wait


def of_vm(ctx: Context) -> list[Backup]:
    """The backups on the plan's storage under this VM's number since the VM exists, oldest first.

    Not those with the mark of another VM, which had the number in between or has it now.
    """
    assert ctx.vm.vmid is not None
    found = ctx.cluster.backups(ctx.vm.node, ctx.plan.backup_storage, ctx.vm.vmid)
    young = [
        one
        for one in found
        if (one.created_ms or 0) >= ctx.vm.created_at - 60_000 and find_mark(one.notes) in (None, ctx.mark)
    ]
    return sorted(young, key=lambda one: one.created_ms or 0)


def is_ours(ctx: Context, backup: Backup) -> bool:
    """Whether a backup was made by us of this very VM: its notes carry our mark."""
    return find_mark(backup.notes) == ctx.mark


def make(ctx: Context) -> Outcome:
    """Make one backup; at the product's limit the oldest of ours is deleted first."""
    if not ctx.plan.backup_storage or ctx.plan.backups <= 0:
        return _ended(ctx, Fail("the product has no backups; set its `backups` and a backup_storage"))
    there = of_vm(ctx)
    before = ctx.flow.get("before")
    if before is None:
        before = [one.volid for one in there]
        ctx.remember(before=before)
        ctx.save(flow=ctx.flow)  # saved before anything is sent: identifies the new backup after a crash
    fresh = [one for one in there if one.volid not in before and is_ours(ctx, one)]
    if fresh and ctx.failed_kind in (None, FaultKind.AMBIGUOUS):
        return _ended(ctx, Done((f"backup {fresh[0].volid}",)))
    if failure := ctx.after_failure():
        return _ended(ctx, failure) if isinstance(failure, Fail) else failure
    mine = [one for one in there if is_ours(ctx, one)]
    if len(mine) >= ctx.plan.backups:
        return _make_room(ctx, [one for one in mine if not one.protected])
    if wait := ctx.turn(f"backup:{ctx.vm.node}", 1, f"node {ctx.vm.node} makes another backup"):
        return wait
    return ctx.act(lambda: ctx.guest.backup(ctx.plan.backup_storage, ctx.mark.line))


def _make_room(ctx: Context, replaceable: list[Backup]) -> Outcome:
    if not replaceable:
        why = f"the product allows {counted(ctx.plan.backups, 'backups')} and all of ours are protected in Proxmox"
        return _ended(ctx, Fail(f"{why}; remove the protection of one of them"))
    oldest = replaceable[0].volid
    ctx.note(f"backup {oldest} makes room")
    return ctx.act(lambda: _delete(ctx, oldest))


def _delete(ctx: Context, volid: str) -> str | None:
    assert ctx.vm.vmid is not None
    return ctx.cluster.delete_backup(ctx.vm.node, ctx.plan.backup_storage, volid, ctx.vm.vmid, ctx.mark)


def _ended(ctx: Context, outcome: Done | Fail) -> Outcome:
    """A finished backup clears the overdue mark of its schedule; a scheduled one also closes its row of the day."""
    day = ctx.args.get("local_date")
    if isinstance(outcome, Done):
        ctx.on_commit_with_end(lambda: _close(ctx, day, "done", ""))
    elif day is not None:
        error = redact(outcome.error)
        in_transaction(lambda: _close(ctx, day, "failed", error))
    return outcome


def _close(ctx: Context, day: str | None, state: str, error: str) -> None:
    good = {"good_at": now_ms()} if state == "done" else {}
    BackupSchedule.update(error=error, **good).where(BackupSchedule.vm == ctx.vm.id).execute()
    if day is not None:
        of_day = (DailyBackup.vm == ctx.vm.id) & (DailyBackup.local_date == day)
        DailyBackup.update(state=state, error=error, at=now_ms()).where(of_day).execute()


def delete(ctx: Context) -> Outcome:
    """Delete the backup of that name; refused for a foreign one."""
    volid = str(ctx.args["backup"])
    found = next((one for one in of_vm(ctx) if one.volid == volid), None)
    if found is None:
        return ctx.reached(why=f"backup {volid} does not exist")
    if not is_ours(ctx, found):
        return Fail(f"backup {volid} was not created by kvmtui; delete it in Proxmox if needed")
    return ctx.act(lambda: _delete(ctx, volid))


def stop_for_restore(ctx: Context) -> Outcome:
    """Have the VM off; a VM is not shut down for a backup that does not exist."""
    if not ctx.acted and (missing := _missing(ctx)):
        return missing
    return power.shut_down(ctx)


def _missing(ctx: Context) -> Fail | None:
    volid = str(ctx.args["backup"])
    if any(one.volid == volid for one in of_vm(ctx)):
        return None
    return Fail(f"storage {ctx.plan.backup_storage} has no backup {volid} of this VM")


def restore(ctx: Context) -> Outcome:
    """Have the VM's disks and config from a backup, and our mark on it again."""
    if not ctx.acted:
        return _missing(ctx) or ctx.act(lambda: ctx.guest.restore(str(ctx.args["backup"])))
    ctx.guest.forget()
    config = ctx.guest.config()
    if config.lock:
        return Wait("lock", f"the VM is still locked ({config.lock})", seconds=3)
    if config.mark != ctx.mark:
        ctx.guest.stamp()
        return Again()
    live = [one.name for one in ctx.guest.snapshots()]
    ctx.on_commit_with_end(lambda: snapshots.forget_all_but(ctx, live))
    ctx.set(smbios_uuid=config.smbios_uuid or ctx.vm.smbios_uuid)
    return Done((f"restored from {ctx.args['backup']}",))
