"""System and additional disk: they only grow, are made once, and keep every option that is not ours to set."""

from __future__ import annotations

from collections.abc import Callable

from engine.pipelines.model import Done, Fail, Outcome, Skip
from engine.pipelines.steps.target import system_storage
from engine.plan import Disk
from engine.proxmox.codecs import Limits
from engine.proxmox.guest_values import GuestConfig
from engine.runner.context import Context

GIB = 1024**3
_NONE = "the package has no additional disk"


def resize_system(ctx: Context) -> Outcome:
    """Have the system disk as large as the plan says."""
    config = ctx.guest.recent_config()
    key = config.system_disk
    if key is None:
        return Fail("the VM has no system disk; give its template a disk and a boot order")
    return _resize(ctx, config, key, ctx.plan.system_disk)


def limit_system(ctx: Context) -> Outcome:
    """Have the system disk's throughput and IOPS limits."""
    config = ctx.guest.recent_config()
    key = config.system_disk
    if key is None:
        return Fail("the VM has no system disk; give its template a disk and a boot order")
    return _limit(ctx, config, key, ctx.plan.system_disk)


def create_additional(ctx: Context) -> Outcome:
    """Have an additional disk when the package has one; a repeated look never makes a second."""
    if ctx.plan.additional_disk.size <= 0:
        return Skip(_NONE)
    config = ctx.guest.recent_config()
    if additional_key(config) is not None:
        return _acted(ctx, "create_disk")
    if orphan := _our_unused(ctx, config):
        return ctx.act(lambda: ctx.guest.set_config({_free_key(config): orphan}))
    storage = ctx.plan.additional_disk.storage or system_storage(config)
    if not storage:
        return Fail("no storage is known for the additional disk; name one in the product")
    if wait := ctx.turn(f"tasks:{ctx.vm.node}", ctx.vm.server.tasks_per_node, f"node {ctx.vm.node} is busy"):
        return wait
    volume = f"{storage}:{ctx.plan.additional_disk.size}"
    ctx.remember(acted="create_disk")
    return ctx.act(lambda: ctx.guest.set_config({_free_key(config): volume}))


def resize_additional(ctx: Context) -> Outcome:
    """Have the additional disk as large as the plan says."""
    return _additional(ctx, _resize)


def limit_additional(ctx: Context) -> Outcome:
    """Have the additional disk's limits."""
    return _additional(ctx, _limit)


def _additional(ctx: Context, work: Callable[[Context, GuestConfig, str, Disk], Outcome]) -> Outcome:
    if ctx.plan.additional_disk.size <= 0:
        return Skip(_NONE)
    config = ctx.guest.recent_config()
    key = additional_key(config)
    if key is None:
        return Fail("the additional disk is gone; run “Set Created Additional Disk” again")
    return work(ctx, config, key, ctx.plan.additional_disk)


def additional_key(config: GuestConfig) -> str | None:
    """The second disk's key: the first disk that is not the system's."""
    system = config.system_disk
    return next(
        (key for key, drive in sorted(config.drives.items()) if drive.is_disk and key != system), None
    )


def _resize(ctx: Context, config: GuestConfig, key: str, disk: Disk) -> Outcome:
    size = config.drives[key].size or 0
    wanted = disk.size * GIB
    if wanted == 0 or wanted == size:
        return _acted(ctx, f"resize_{key}")
    if wanted < size:
        return Skip("new size is smaller")
    if wait := ctx.turn(f"tasks:{ctx.vm.node}", ctx.vm.server.tasks_per_node, f"node {ctx.vm.node} is busy"):
        return wait
    ctx.remember(acted=f"resize_{key}")
    return ctx.act(lambda: ctx.guest.resize(key, disk.size))


def _limit(ctx: Context, config: GuestConfig, key: str, disk: Disk) -> Outcome:
    drive = config.drives[key]
    wanted = Limits(disk.mbps_rd, disk.mbps_wr, disk.iops_rd, disk.iops_wr)
    if drive.limits == wanted:
        return _acted(ctx, f"limit_{key}")
    ctx.remember(acted=f"limit_{key}")
    return ctx.act(lambda: ctx.guest.set_config({key: drive.with_limits(wanted).format()}, at_once=True))


def _acted(ctx: Context, what: str) -> Outcome:
    """Done when this step changed something, skip when there was nothing to change."""
    return Done() if ctx.flow.get("acted") == what else Skip("no change")


def _our_unused(ctx: Context, config: GuestConfig) -> str | None:
    """A volume of this VM that an interrupted step left detached: used again instead of making a second."""
    mine = f"vm-{ctx.vm.vmid}-disk-"
    if not ctx.journal_shows("/config"):
        return None
    return next((volume for volume in config.unused.values() if mine in volume), None)


def _free_key(config: GuestConfig) -> str:
    bus = "".join(char for char in (config.system_disk or "scsi0") if char.isalpha())
    used = set(config.drives)
    return next(f"{bus}{n}" for n in range(1, 16) if f"{bus}{n}" not in used)
