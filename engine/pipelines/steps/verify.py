"""Verify running + Email: the VM is up, the client knows, the service is active."""

from __future__ import annotations

from engine.clock import now_ms
from engine.mail.facts import WITH_PASSWORD, addresses_of, vm_facts
from engine.pipelines.context import Context
from engine.pipelines.steps import power
from engine.plan import Plan
from engine.store import secrets
from engine.store.models import Service
from engine.work.model import Done, Fail, Outcome, Wait

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
    """The same with another mail; the VM of a suspended service stays off but becomes ready."""
    if power.suspended(ctx):
        finish(ctx, mail)
        return Done((power.STAYS_OFF,))
    status = ctx.kept.pop("status", None) or power.read_status(ctx)
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
    disk = _disk(ctx, mail)
    ctx.set(plan=ctx.plan.as_dict())
    ctx.on_commit_with_end(lambda: _hand_over(ctx, mail, disk))


def _disk(ctx: Context, mail: str) -> int:
    """The size for mails. A change only grows disks, whatever the new plan says."""
    before = Plan.from_dict(ctx.vm.plan or {}).system_disk.size if mail == "changed" else 0
    return max(before, ctx.plan.system_disk.size)


def _hand_over(ctx: Context, mail: str, disk: int) -> None:
    Service.update(status="Active").where(
        Service.id == ctx.vm.service_id, Service.status == "Pending"
    ).execute()
    if ctx.plan.emails.get(mail, True):
        key = f"{mail}:{ctx.vm.uid}:{ctx.run.id}"
        ctx.note(ctx.ports.mail.queue(ctx.vm, mail, key, {**letter(ctx, mail), "disk": disk}))


def letter(ctx: Context, mail: str) -> dict[str, object]:
    """What a mail about this VM may say; the outbox keeps it sealed. Only a mail that needs the password has it."""
    vm = ctx.vm
    password = ""
    if mail in WITH_PASSWORD and vm.os_password:
        password = secrets.unseal(vm.os_password, "vm", vm.uid, "os_password")
    return vm_facts(vm, ctx.plan, addresses_of(vm), password)
