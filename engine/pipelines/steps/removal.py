"""Removing a VM: only when it is provably ours, and nothing is freed before it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from engine.clock import now_ms
from engine.ipam import allocate
from engine.pipelines.context import Context
from engine.pipelines.steps import clone, facts, ha, power, vmids
from engine.proxmox.faults import FaultKind, NotOurs, ProxmoxError
from engine.proxmox.mark import find_mark
from engine.proxmox.values import Backup
from engine.redact import redact
from engine.store.database import in_transaction
from engine.store.models import Client, LeftBackup, Run, Service
from engine.work import events
from engine.work.model import Done, Fail, Outcome, Skip, Wait

_SKEW_MS = 60_000


def stop_gently(ctx: Context) -> Outcome:
    """Have the VM off, or gone."""
    return power.shut_down(ctx) if _there(ctx) else Skip("the VM is gone already")


def delete_backups(ctx: Context) -> Outcome:
    """Delete every backup of this VM; what cannot be deleted is reported and left."""
    if ctx.vm.vmid is None:
        return Skip("it never had a VMID")
    if ctx.failed:
        passing = ctx.after_failure()
        if isinstance(passing, Wait):
            return passing
        _leave(ctx, ctx.failed)
    for storage, backup in _backups(ctx):
        if backup.volid in _left(ctx):
            continue
        if backup.protected:
            _leave_one(ctx, storage, backup.volid, "it is protected")
        elif upid := _delete(ctx, storage, backup.volid):
            return Wait("task", f"deleting backup {backup.volid}", upid=upid)
    if left := _left(ctx):
        return Done((f"left behind on Proxmox, and tried again later: {', '.join(left)}",))
    return ctx.reached(why="no backups")


def _delete(ctx: Context, storage: str, volid: str) -> str | None:
    """Delete one backup; a task, or None when it is gone or has to be left."""
    assert ctx.vm.vmid is not None
    node = ctx.vm.node or _any_node(ctx)
    ctx.remember(deleting=volid)
    try:
        return ctx.cluster.delete_backup(node, storage, volid, ctx.vm.vmid, ctx.mark)
    except ProxmoxError as error:
        if error.kind in (FaultKind.BUSY, FaultKind.TRANSIENT, FaultKind.AMBIGUOUS):
            raise
        if error.kind is not FaultKind.GONE:
            _leave_one(ctx, storage, volid, error.sentence)
    return None


def _left(ctx: Context) -> list[str]:
    """What could not be deleted; it is noted on the client when everything else is gone."""
    return list(ctx.flow.get("left_backups", []))


def _leave(ctx: Context, why: str) -> None:
    """The task that deleted the last one failed: leave that one behind."""
    if volid := ctx.flow.get("deleting"):
        _leave_one(ctx, volid.partition(":")[0], volid, why)
    ctx.failed = ""


def _leave_one(ctx: Context, storage: str, volid: str, why: str) -> None:
    """Continue without this one; scheduleBackup tries again once the VM is gone. No volid means all on the storage."""
    name = volid or f"{storage}:(all)"
    ctx.note(f"backup {name} was left behind: {why}")
    ctx.remember(left_backups=[*_left(ctx), name])
    said = f"backup {name} of service {ctx.vm.service_id} was left behind: {why}"

    def work() -> None:
        _keep_for_later(ctx, storage, volid, why)
        events.publish("alert", said, level="error", vm=ctx.vm.id, service=ctx.vm.service_id)

    in_transaction(work)


def _keep_for_later(ctx: Context, storage: str, volid: str, why: str) -> None:
    vm = ctx.vm
    LeftBackup.insert(
        server=vm.server_id,
        service=vm.service_id,
        vmid=vm.vmid,
        vm_uid=vm.uid,
        vm_name=vm.name,
        vm_created_at=vm.created_at,
        storage=storage,
        volid=volid,
        why=redact(why),
    ).on_conflict_ignore().execute()


def _backups(ctx: Context) -> list[tuple[str, Backup]]:
    """The backups of this VM on every storage its node sees: those with its mark, and those made since it exists."""
    node = ctx.vm.node or _any_node(ctx)
    assert ctx.vm.vmid is not None
    found: list[tuple[str, Backup]] = []
    for storage in facts.storages(ctx.cluster, node):
        if "backup" not in storage.content or not storage.enabled:
            continue
        if not storage.active:
            if f"{storage.name}:(all)" not in _left(ctx):
                _leave_one(ctx, storage.name, "", "the storage is away")
            continue
        found += [(storage.name, one) for one in ctx.cluster.backups(node, storage.name, ctx.vm.vmid)]
    return [(name, backup) for name, backup in found if _made_of_this_vm(ctx, backup)]


def _made_of_this_vm(ctx: Context, backup: Backup) -> bool:
    """A number may have had other owners before: their backups carry another mark, or are older than the VM."""
    mark = find_mark(backup.notes)
    if mark is not None:
        return mark == ctx.mark
    return (backup.created_ms or 0) >= ctx.vm.created_at - _SKEW_MS


def _any_node(ctx: Context) -> str:
    return next(node.name for node in facts.nodes(ctx.cluster) if node.online)


def delete_vm(ctx: Context) -> Outcome:
    """Delete our guest with the VM's number, on any node."""
    if not _there(ctx):
        outcome = ctx.reached(why="the VM is gone already")
        ctx.set(node="", smbios_uuid="", remote_status="", remote_lock="")
        return outcome
    status = power.before_stop(ctx)
    if status.running:
        return ha.wait(ctx, status, "stopped") or ctx.act(ctx.guest.stop)
    return ctx.act(lambda: _destroy(ctx))


def _destroy(ctx: Context) -> str:
    ha.note_removal(ctx)
    return ctx.guest.destroy(purge=True)


def delete_vm_or_give_up(ctx: Context) -> Outcome:
    """The same for a termination: a DELETE that fails for good needs an operator, and nothing is freed."""
    try:
        outcome = delete_vm(ctx)
    except ProxmoxError as error:
        if error.kind in (FaultKind.PERMANENT, FaultKind.AUTH):
            return Fail(error.sentence, final=True)
        raise
    lasting = ctx.failed_kind not in (None, FaultKind.TRANSIENT, FaultKind.AMBIGUOUS, FaultKind.GONE)
    return replace(outcome, final=lasting) if isinstance(outcome, Fail) else outcome


def delete_for_redeploy(ctx: Context) -> Outcome:
    """The same for a redeploy, which takes a new number: a guest that is certainly another VM is left alone."""
    try:
        return delete_vm(ctx)
    except NotOurs as stranger:
        known = ctx.vm.smbios_uuid
        if not known or ctx.guest.config().smbios_uuid == known:
            raise
        ctx.set(node="", smbios_uuid="", remote_status="", remote_lock="")
        return Skip(f"left alone: {stranger.sentence}")


def remove_for_reinstall(ctx: Context) -> Outcome:
    """Have no guest under the number; snapshots go with it, backups, addresses, MAC and VMID stay.

    A VM is removed only when the clone that follows can be made.
    """
    if not ctx.acted and (missing := clone.missing_parts(ctx)):
        give_up = f"`kvmtui vm reset {ctx.vm.service_id} ready` cancels the reinstall"
        return Fail(f"{missing.rstrip('. ')}. The VM was not removed; {give_up}.")
    if ctx.args.get("template"):
        ctx.set(template=str(ctx.args["template"]))
    outcome = delete_vm(ctx)
    if isinstance(outcome, Done | Skip):
        ctx.set(os_password="", target_node="")
        ctx.flow = {
            key: ctx.flow[key] for key in ("pipeline", "action", "args", "request") if key in ctx.flow
        }
    return outcome


def free_for_redeploy(ctx: Context) -> Outcome:
    """Forget what the last try made: addresses, VMID, name, password and the log."""

    def work() -> None:
        allocate.release(ctx.vm)
        vmids.bury(ctx.vm, f"redeployed by service {ctx.vm.service_id}")
        Run.delete().where(Run.vm == ctx.vm.id, Run.live.is_null()).execute()

    ctx.on_commit_with_end(work)
    ctx.set(
        vmid=None,
        mac="",
        name="",
        domain="",
        os_user="",
        os_password="",
        target_node="",
        template="",
        plan={},
    )
    ctx.flow = {key: ctx.flow[key] for key in ("pipeline", "action", "args", "request") if key in ctx.flow}
    return Done()


def free_everything(ctx: Context) -> Outcome:
    """The VM is gone: free its addresses and its number, note it on the client, end the service."""
    ctx.on_commit_with_end(lambda: _free(ctx))
    ctx.set(remote_status="", remote_lock="", node="", target_node="", mac="")
    return Done()


def _free(ctx: Context) -> None:
    vm = ctx.vm
    addresses = ", ".join(str(row.address) for row in allocate.addresses_of_vm(vm)) or "none"
    allocate.release(vm)
    vmids.bury(vm, f"service {vm.service_id} terminated")
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    line = f"{today} service {vm.service_id} ({vm.name or 'never named'}) terminated, addresses: {addresses}"
    if left := _left(ctx):
        line += f"; left behind on Proxmox: {', '.join(left)}"
    Client.update(notes=Client.notes.concat(f"{line}\n")).where(Client.id == vm.service.client_id).execute()
    Service.update(status="Terminated", ended_at=now_ms()).where(Service.id == vm.service_id).execute()


def _there(ctx: Context) -> bool:
    """Whether a guest is under the VM's number; one that is not ours is refused by the call that follows."""
    vm = ctx.vm
    if vm.vmid is None:
        return False
    if not vm.node and ctx.last_clone(vm.vmid) is None:
        return False
    try:
        ctx.guest.prove()
    except ProxmoxError as error:
        if error.kind is FaultKind.GONE:
            return False
        raise
    return True
