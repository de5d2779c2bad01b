"""Verify running + Email: the VM is up, the client knows, the service is active."""

from __future__ import annotations

from engine.clock import now_ms
from engine.ipam import allocate
from engine.pipelines.model import Done, Fail, Outcome, Wait
from engine.pipelines.steps.addresses import fqdn
from engine.runner.context import Context
from engine.store import secrets
from engine.store.models import Service

TICKS = 5
_TICK_S = 20.0
_LOOK_S = 2.0


def verify_running(ctx: Context) -> Outcome:
    """Have the VM running; then, in one transaction, ready, Active, and one mail on its way."""
    return verify(ctx, "ready")


def verify_restored(ctx: Context) -> Outcome:
    """The same after a restore."""
    return verify(ctx, "restored")


def verify_password(ctx: Context) -> Outcome:
    """The same after a new password."""
    return verify(ctx, "password")


def verify(ctx: Context, mail: str) -> Outcome:
    """The same with another mail, for a VM that runs again after a change."""
    status = ctx.kept.pop("status", None) or ctx.guest.status()
    ctx.set(remote_status=status.status, remote_lock=status.lock or "")
    if not status.running:
        return _not_up_yet(ctx, status.status)
    finish(ctx, mail)
    return Done()


def _not_up_yet(ctx: Context, status: str) -> Outcome:
    """Look again, often at first and then once per tick; the fifth tick in vain is a failure."""
    since = int(ctx.flow.get("down_since") or now_ms())
    passed = (now_ms() - since) / 1000
    if passed >= TICKS * _TICK_S:
        ctx.remember(down_since=None)
        return Fail(f"VM failed to start (status: {status}). Will retry.")
    ctx.remember(down_since=since)
    pause = _LOOK_S if passed < _TICK_S / 2 else _TICK_S
    return Wait("time", f"waiting for the guest to run (status: {status})", seconds=pause)


def finish(ctx: Context, mail: str) -> None:
    """With the step's end: the plan is the VM's own now, the service is Active, one mail is on its way."""
    ctx.set(plan=ctx.plan.as_dict())
    ctx.on_commit_with_end(lambda: _hand_over(ctx, mail))


def _hand_over(ctx: Context, mail: str) -> None:
    Service.update(status="Active").where(
        Service.id == ctx.vm.service_id, Service.status == "Pending"
    ).execute()
    if ctx.plan.emails.get(mail, True):
        key = f"{mail}:{ctx.vm.uid}:{ctx.run.id}"
        ctx.note(ctx.ports.mail.queue(ctx.vm, mail, key, letter(ctx)))


def letter(ctx: Context) -> dict[str, object]:
    """What a mail about this VM may say; the outbox keeps it sealed."""
    vm = ctx.vm

    addresses = [str(row.address) for row in allocate.addresses_of_vm(vm)]
    password = secrets.unseal(vm.os_password, "vm", vm.uid, "os_password") if vm.os_password else ""
    return {
        "service_id": vm.service_id,
        "vm_id": vm.vmid,
        "name": vm.name,
        "domain": fqdn(vm),
        "server": vm.server.name,
        "product": vm.service.product.name,
        "ip": addresses[0] if addresses else "",
        "ips": addresses,
        "username": vm.os_user,
        "password": password,
    }
