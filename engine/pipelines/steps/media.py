"""A password for the guest, and an ISO image in its drive."""

from __future__ import annotations

from engine import naming
from engine.pipelines.context import Context
from engine.pipelines.steps import power
from engine.pipelines.steps.cloudinit import NO_DRIVE, set_cloudinit
from engine.proxmox.faults import Kind, NotOurs, ProxmoxError
from engine.store import secrets
from engine.work.model import Done, Fail, Outcome, Skip

_LIVE = "the agent in the guest has set it already"


def choose_password(ctx: Context) -> Outcome:
    """Make a new password; it is kept sealed before anybody is told."""
    sealed = secrets.seal(naming.password(), "vm", ctx.vm.uid, "os_password")
    ctx.set(os_password=sealed, os_user=ctx.vm.os_user or ctx.plan.os_user or naming.os_user())
    return Done()


def set_live(ctx: Context) -> Outcome:
    """Set it inside the running guest where its agent answers; otherwise cloud-init does it at a restart."""
    if not ctx.guest.status().running:
        return Skip("the VM is off; cloud-init sets it at the start")
    try:
        return _by_agent(ctx)
    except NotOurs:
        raise
    except ProxmoxError as error:
        if error.kind not in (Kind.PERMANENT, Kind.AUTH) and error.reason != "agent_silent":
            raise
        # many images forbid their agent just this, and a login may lack the right to speak with agents
        return Skip("the agent in the guest may not; cloud-init sets it at a restart", (error.sentence,))


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
    """Have the new password on the cloud-init drive, unless it is set already."""
    return Skip(_LIVE) if ctx.flow.get("live") else set_cloudinit(ctx)


def start_after_password(ctx: Context) -> Outcome:
    """Have the VM running again, unless it never stopped."""
    return Skip(_LIVE) if ctx.flow.get("live") else power.start(ctx)


def mount_iso(ctx: Context) -> Outcome:
    """Have that ISO image in the VM's CD drive."""
    volid = str(ctx.args["iso"])
    config = ctx.guest.recent_config()
    key = config.cd_drive
    if key and config.drives[key].volume == volid:
        return ctx.reached(why="it is mounted already")
    names = {one.volid for one in ctx.cluster.iso_images(ctx.vm.node, volid.split(":", 1)[0])}
    if volid not in names:
        return Fail(f"there is no ISO image {volid}; `kvmtui vm iso list` shows them")
    return ctx.act(lambda: ctx.guest.mount_iso(volid))


def eject_iso(ctx: Context) -> Outcome:
    """Have no ISO image in the VM's CD drive."""
    config = ctx.guest.recent_config()
    key = config.cd_drive
    if key is None or config.drives[key].volume == "none":
        return ctx.reached(why="no ISO image is mounted")
    return ctx.act(ctx.guest.eject_iso)
