"""System and additional disk: they only grow, are made once, and keep every option that is not ours to set."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.pipelines.context import Context
from engine.pipelines.steps import placement
from engine.pipelines.steps.target import system_storage
from engine.plan import Disk
from engine.proxmox.codecs import Limits, is_drive_key
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.journal import Value
from engine.work.model import Fail, Outcome, Skip, Wait

GIB = 1024**3
_NONE = "the product has no additional disk"
_BUS = re.compile(r"(?:scsi|virtio|sata|ide)\d+")


def resize_system(ctx: Context) -> Outcome:
    """Have the system disk as large as the plan says."""
    config = ctx.guest.recent_config()
    key = config.system_disk
    if key is None:
        return Fail("the VM has no system disk; give its template a disk and a boot order")
    return _resize(ctx, config, key, "system_disk")


def limit_system(ctx: Context) -> Outcome:
    """Have the system disk's throughput and IOPS limits."""
    config = ctx.guest.recent_config()
    key = config.system_disk
    if key is None:
        return Fail("the VM has no system disk; give its template a disk and a boot order")
    return _limit(ctx, config, key, "system_disk")


def system_limits(ctx: Context, config: GuestConfig) -> dict[str, Value]:
    """The system disk with its limits, when it has others now."""
    key = config.system_disk
    return _with_limits(ctx, config, key, "system_disk") if key else {}


def create_additional(ctx: Context) -> Outcome:
    """Have an additional disk when the product has one; a repeated look never makes a second.

    A product without one never removes a disk: the data on it is the client's.
    """
    config = ctx.guest.recent_config()
    key = additional_key(config)
    if ctx.plan.additional_disk.size <= 0:
        return Skip(f"{_NONE}; {key} is kept, with its data" if key else _NONE)
    if key is not None:
        return ctx.reached()
    if orphan := _our_unused(ctx, config):
        return ctx.act(lambda: ctx.guest.set_config({_free_key(config): orphan}))
    changes = new_disk(ctx, config)
    if not changes:
        return Fail("no storage is known for the additional disk; name one in the product")
    return node_turn(ctx) or ctx.act(lambda: ctx.guest.set_config(changes))


def new_disk(ctx: Context, config: GuestConfig) -> dict[str, Value]:
    """The additional disk as it is made, when the product has one and the VM has not."""
    size = ctx.plan.additional_disk.size
    storage = ctx.plan.additional_disk.storage or system_storage(config)
    if size <= 0 or not storage or additional_key(config) is not None or _our_unused(ctx, config):
        return {}
    kind = placement.disk_format(ctx, ctx.vm.node, storage)
    return {_free_key(config): f"{storage}:{size}" + (f",format={kind}" if kind else "")}


def node_turn(ctx: Context) -> Wait | None:
    """None when the VM's node may begin one more task for it, else the wait for its turn."""
    node = ctx.vm.node
    return ctx.turn(f"tasks:{node}", ctx.vm.server.tasks_per_node, f"node {node} is busy")


def missing_storage(ctx: Context) -> str:
    """Why an additional disk that is still to be created cannot be, as a sentence; empty when it can, or none is."""
    if ctx.plan.additional_disk.size <= 0:
        return ""
    config = ctx.guest.recent_config()
    if additional_key(config) is not None or _our_unused(ctx, config):
        return ""
    storage = ctx.plan.additional_disk.storage or system_storage(config)
    return placement.missing_on(ctx, ctx.vm.node, storage) if storage else ""


def resize_additional(ctx: Context) -> Outcome:
    """Have the additional disk as large as the plan says."""
    return _additional(ctx, _resize)


def limit_additional(ctx: Context) -> Outcome:
    """Have the additional disk's limits."""
    return _additional(ctx, _limit)


def _additional(ctx: Context, work: Callable[[Context, GuestConfig, str, str], Outcome]) -> Outcome:
    if ctx.plan.additional_disk.size <= 0:
        return Skip(_NONE)
    config = ctx.guest.recent_config()
    key = additional_key(config)
    if key is None:
        return Fail("the additional disk is gone; run 'Set Created Additional Disk' again")
    return work(ctx, config, key, "additional_disk")


def additional_key(config: GuestConfig) -> str | None:
    """The second disk's key: the first disk that is not the system's, nor the firmware's."""
    disks = [key for key, drive in config.drives.items() if drive.is_disk and _BUS.fullmatch(key)]
    others = [key for key in disks if key != config.system_disk]
    return min(others, key=lambda key: (_bus(key), int(key.removeprefix(_bus(key)))), default=None)


def _resize(ctx: Context, config: GuestConfig, key: str, part: str) -> Outcome:
    disk: Disk = getattr(ctx.plan, part)
    size = config.drives[key].size or 0
    wanted = disk.size * GIB
    if wanted == 0 or wanted == size:
        return ctx.reached()
    if wanted < size:
        return Skip("new size is smaller")
    return node_turn(ctx) or ctx.act(lambda: ctx.guest.resize(key, disk.size))


def _limit(ctx: Context, config: GuestConfig, key: str, part: str) -> Outcome:
    changes = _with_limits(ctx, config, key, part)
    if not changes:
        return ctx.reached()
    return ctx.act(lambda: ctx.guest.set_config(changes, at_once=True))


def _with_limits(ctx: Context, config: GuestConfig, key: str, part: str) -> dict[str, Value]:
    drive = config.drives[key]
    wanted = _limits(ctx, drive.limits, part)
    return {} if drive.limits == wanted else {key: drive.with_limits(wanted).format()}


def _limits(ctx: Context, now: Limits, part: str) -> Limits:
    """What the disk may do. A product's 0 leaves the template's limit; an option's 0, or a limit of ours, goes."""
    options = ctx.vm.service.options
    before = ctx.vm.plan.get(part) or {}

    def wanted(name: str) -> int:
        ours = bool(before.get(name)) or options.get(f"{part}_{name}") == 0
        return getattr(getattr(ctx.plan, part), name) or (0 if ours else getattr(now, name))

    return Limits(*(wanted(name) for name in ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")))


def _our_unused(ctx: Context, config: GuestConfig) -> str | None:
    """A volume of this VM that an interrupted step left detached: used again instead of making a second."""
    mine = f"vm-{ctx.vm.vmid}-disk-"
    if not ctx.journal_shows("/config"):
        return None
    return next((volume for volume in config.unused.values() if mine in volume), None)


def _free_key(config: GuestConfig) -> str:
    """A free place for the disk, on the system disk's bus if it has one left."""
    own = _bus(config.system_disk or "scsi0")
    places = (f"{bus}{n}" for bus in (own, "scsi") for n in range(1, 31))
    return next(key for key in places if is_drive_key(key) and key not in config.raw)


def _bus(key: str) -> str:
    return key.rstrip("0123456789")
