"""Removing a VM: only when it is provably ours, and nothing is freed before it is gone."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.clock import now_ms
from engine.ipam import allocate
from engine.pipelines.model import Done, Fail, Outcome, Skip, Wait
from engine.pipelines.steps import facts, power, vmids
from engine.proxmox.faults import Kind, ProxmoxError
from engine.proxmox.values import Backup
from engine.runner.context import Context
from engine.store.models import Client, Run, Service, Vm


def stop_gently(ctx: Context) -> Outcome:
    """Have the VM off, or gone."""
    return power.shut_down(ctx) if _there(ctx) else Skip("the VM is gone already")


def delete_backups(ctx: Context) -> Outcome:
    """Delete every backup of this VM; what cannot be deleted is told and left."""
    if ctx.vm.vmid is None:
        return Skip("it never had a VMID")
    if ctx.failed:
        _leave(ctx, ctx.failed)
    left = ctx.flow.get("left_backups", [])
    for storage, backup in _backups(ctx):
        if backup.volid in left:
            continue
        if backup.protected:
            _leave_one(ctx, backup.volid, "it is protected")
            continue
        try:
            upid = ctx.cluster.delete_backup(
                ctx.vm.node or _any_node(ctx), storage, backup.volid, ctx.vm.vmid, ctx.mark
            )
        except ProxmoxError as error:
            if error.kind in (Kind.BUSY, Kind.TRANSIENT, Kind.AMBIGUOUS):
                raise
            _leave_one(ctx, backup.volid, error.sentence)
            continue
        ctx.remember(deleting=backup.volid)
        if upid:
            return Wait("task", f"deleting backup {backup.volid}", upid=upid)
    left = ctx.flow.get("left_backups", [])
    if left:
        return Done((f"{len(left)} backup(s) were left behind",))
    return Done() if ctx.flow.get("deleting") else Skip("no backups")


def _leave(ctx: Context, why: str) -> None:
    """The task that deleted the last one failed: leave that one behind."""
    if volid := ctx.flow.get("deleting"):
        _leave_one(ctx, volid, why)
    ctx.failed = ""


def _leave_one(ctx: Context, volid: str, why: str) -> None:
    ctx.note(f"backup {volid} was left behind: {why}")
    ctx.remember(left_backups=[*ctx.flow.get("left_backups", []), volid])


def _backups(ctx: Context) -> list[tuple[str, Backup]]:
    """The backups made of this VM since it exists, on every storage its node sees."""
    node = ctx.vm.node or _any_node(ctx)
    names = [one.name for one in facts.storages(ctx.cluster, node) if "backup" in one.content and one.enabled]
    assert ctx.vm.vmid is not None
    found = [(name, backup) for name in names for backup in ctx.cluster.backups(node, name, ctx.vm.vmid)]
    return [
        (name, backup) for name, backup in found if (backup.created_ms or 0) >= ctx.vm.created_at - 60_000
    ]


def _any_node(ctx: Context) -> str:
    return next(node.name for node in facts.nodes(ctx.cluster) if node.online)


def delete_vm(ctx: Context) -> Outcome:
    """Have no guest of ours under the VM's number, on any node."""
    if not _there(ctx):
        ctx.set(node="", smbios_uuid="", remote_status="", remote_lock="")
        return Done() if ctx.flow.get("acted") == "delete" else Skip("the VM is gone already")
    if ctx.guest.status().running:
        return power.shut_down(ctx) if not ctx.failed else Fail(ctx.failed)
    ctx.remember(acted="delete")
    return ctx.act(lambda: ctx.guest.destroy(purge=True))


def delete_vm_or_give_up(ctx: Context) -> Outcome:
    """The same for a termination: a DELETE that fails for good needs an operator, and nothing is freed."""
    try:
        outcome = delete_vm(ctx)
    except ProxmoxError as error:
        if error.kind in (Kind.PERMANENT, Kind.AUTH):
            return Fail(error.sentence, final=True)
        raise
    return Fail(outcome.error, outcome.notes, final=True) if isinstance(outcome, Fail) else outcome


def remove_for_reinstall(ctx: Context) -> Outcome:
    """Have no guest under the number; snapshots go with it, backups, addresses, MAC and VMID stay."""
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
    ctx.set(remote_status="", remote_lock="", node="")
    return Done()


def _free(ctx: Context) -> None:
    vm = ctx.vm
    addresses = ", ".join(str(row.address) for row in allocate.addresses_of_vm(vm)) or "none"
    allocate.release(vm)
    vmids.bury(vm, f"service {vm.service_id} terminated")
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    line = f"{today} service {vm.service_id} ({vm.name or 'never named'}) terminated, addresses: {addresses}"
    client = Client.get_by_id(vm.service.client_id)
    Client.update(notes=f"{client.notes}\n{line}".strip()).where(Client.id == client.id).execute()
    Service.update(status="Terminated", ended_at=now_ms()).where(Service.id == vm.service_id).execute()
    Vm.update(target_node="").where(Vm.id == vm.id).execute()


def _there(ctx: Context) -> bool:
    """Whether a guest is under the VM's number; one that is not ours is refused by the call that follows."""
    vm = ctx.vm
    if vm.vmid is None:
        return False
    if not vm.node and not ctx.journal_shows_clone(vm.vmid):
        return False
    try:
        ctx.guest.prove()
    except ProxmoxError as error:
        if error.kind is Kind.GONE:
            return False
        raise
    return True
