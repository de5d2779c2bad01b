"""A password for the guest, and an ISO image in its drive."""

from __future__ import annotations

from engine import naming
from engine.pipelines.context import Context
from engine.pipelines.steps import power
from engine.pipelines.steps.cloudinit import NO_DRIVE, password_for, set_cloudinit
from engine.proxmox.faults import FaultKind, NotOurs, ProxmoxError
from engine.proxmox.guest_values import GuestConfig
from engine.store import secrets
from engine.work.model import Done, Fail, Outcome, Skip

_LIVE = "the agent in the guest has set it already"


def choose_password(ctx: Context) -> Outcome:
    """Make a new password; it is stored sealed before it is sent anywhere."""
    sealed = secrets.seal(naming.password(), "vm", ctx.vm.uid, "os_password")
    ctx.set(os_password=sealed, os_user=ctx.vm.os_user or ctx.plan.os_user or naming.os_user())
    return Done()


def set_live(ctx: Context) -> Outcome:
    """Set it inside the running guest where its agent answers; otherwise cloud-init does it at a restart."""
    if not power.read_status(ctx).running:
        ctx.guest.prove()
        return Skip("the VM is off; cloud-init sets it at the start")
    try:
        return _by_agent(ctx)
    except NotOurs:
        raise
    except ProxmoxError as error:
        if error.kind not in (FaultKind.PERMANENT, FaultKind.AUTH) and error.reason != "agent_silent":
            raise
        # many images forbid their agent just this, and a login may lack the right to speak with agents
        return Skip("the guest agent is not allowed to; cloud-init sets it at a restart", (error.sentence,))


def _by_agent(ctx: Context) -> Outcome:
    if not ctx.guest.agent_alive():
        return Skip("no agent answers in the guest; cloud-init sets it at a restart")
    clear = secrets.unseal(ctx.vm.os_password, "vm", ctx.vm.uid, "os_password")
    ctx.guest.set_user_password(ctx.vm.os_user, clear)
    ctx.remember(live=True)
    return Done(("set by the agent in the guest",))


def stop_for_password(ctx: Context) -> Outcome:
    """Have the VM off, unless the password is set already; never for a change that could not be made."""
    if ctx.flow.get("live"):
        return Skip(_LIVE)
    if ctx.guest.recent_config().cloudinit_drive is None:
        return Fail(NO_DRIVE)
    return power.shut_down(ctx)


def write_password(ctx: Context) -> Outcome:
    """Have the new password on the cloud-init drive.

    When the agent has set it already, the drive follows at the next start: a later change of addresses must not bring
    the old password back.
    """
    if not ctx.flow.get("live"):
        return set_cloudinit(ctx)
    config = ctx.guest.recent_config()
    if config.cloudinit_drive is None:
        return Skip("the VM has no cloud-init drive")
    if ctx.acted:
        return Done(("pending: the cloud-init drive has the new password after the next start",))
    try:
        return ctx.act(lambda: ctx.guest.set_config({"cipassword": password_for(ctx, config)}))
    except NotOurs:
        raise
    except ProxmoxError as error:
        if error.kind not in (FaultKind.PERMANENT, FaultKind.AUTH):
            raise
        kept = "the cloud-init drive keeps the old password and may bring it back"
        return Done((f"{kept}: {error.sentence}",))


def start_after_password(ctx: Context) -> Outcome:
    """Have the VM running again, unless it never stopped."""
    return Skip(_LIVE) if ctx.flow.get("live") else power.start(ctx)


def mount_iso(ctx: Context) -> Outcome:
    """Have that ISO image in the VM's CD drive.

    A drive that has to be added to a running VM appears at its next start: the log says so, and the VM is restarted
    when that was requested.
    """
    volid = str(ctx.args["iso"])
    now, planned = ctx.guest.configs()
    if _held(now) == volid:
        return ctx.reached(why="it is mounted already")
    if _held(planned) == volid:
        return _mounted_at_the_next_start(ctx, volid)
    names = {one.volid for one in ctx.cluster.iso_images(ctx.vm.node, volid.split(":", 1)[0])}
    if volid not in names:
        return Fail(f"there is no ISO image {volid}; `kvmtui vm iso list` shows them")
    return ctx.act(lambda: ctx.guest.mount_iso(volid))


def _mounted_at_the_next_start(ctx: Context, volid: str) -> Outcome:
    if ctx.args.get("restart") and not (ctx.flow.get("restarted") and not ctx.failed):
        ctx.remember(restarted=True)
        return ctx.act(ctx.guest.reboot)
    why = f"pending: {volid} is in the CD drive after the next start; the running VM has no such drive yet"
    return Done((why, f"`kvmtui vm reboot {ctx.vm.service_id}` restarts the VM"))


def eject_iso(ctx: Context) -> Outcome:
    """Have no ISO image in the VM's CD drive."""
    now, planned = ctx.guest.configs()
    if not _held(planned):
        if _held(now):
            return ctx.reached((f"pending: {_held(now)} leaves the CD drive at the next start",))
        return ctx.reached(why="no ISO image is mounted")
    return ctx.act(ctx.guest.eject_iso)


def _held(config: GuestConfig) -> str:
    """The image in the CD drive; empty for an empty drive or none."""
    key = config.cd_drive
    return "" if key is None or config.drives[key].volume in ("none", "cdrom") else config.drives[key].volume
