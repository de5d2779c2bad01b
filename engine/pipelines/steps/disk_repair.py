"""Convert disks: files that are not qcow2 become qcow2 where they are, so that the VM can be snapshotted."""

from __future__ import annotations

from collections.abc import Mapping

from engine.pipelines.context import Context
from engine.pipelines.steps import facts
from engine.proxmox.disk_formats import can_snapshot, is_repairable
from engine.proxmox.guest_values import GuestConfig
from engine.work.model import Fail, Outcome

TARGET = "qcow2"


def convert(ctx: Context) -> Outcome:
    """Have every disk on file storage as qcow2; each keeps its storage, its size and its place in the VM."""
    config = ctx.guest.recent_config()
    kinds = {one.name: one.type for one in facts.storages(ctx.cluster, ctx.vm.node)}
    convertible, others = without_snapshots(config, kinds)
    if not convertible:
        left = tuple(
            f"{key} is on storage {_storage(config, key)}, which takes no snapshots" for key in others
        )
        return ctx.reached(left, why="no disk needs it")
    if lasting := [one.name for one in ctx.guest.snapshots()]:
        return Fail(
            f"the VM has snapshots ({', '.join(lasting)}); delete them before its disks are converted"
        )
    if wait := ctx.turn(f"tasks:{ctx.vm.node}", ctx.vm.server.tasks_per_node, f"node {ctx.vm.node} is busy"):
        return wait
    key = convertible[0]
    storage = _storage(config, key)
    outcome = ctx.act(lambda: ctx.guest.move_disk(key, storage, TARGET))
    if ctx.journal.sent:
        ctx.note(f"{key}: {config.drives[key].volume} becomes {TARGET} on {storage}")
    return outcome


def without_snapshots(config: GuestConfig, kinds: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The disks that prevent snapshots, given each storage's type: those to convert, and those on a storage without."""
    convertible: list[str] = []
    others: list[str] = []
    for key, drive in sorted(config.drives.items()):
        kind = kinds.get(drive.storage or "", "")
        if not drive.is_disk or not kind or can_snapshot(kind, drive):
            continue
        (convertible if is_repairable(kind, drive) else others).append(key)
    return convertible, others


def _storage(config: GuestConfig, key: str) -> str:
    return config.drives[key].storage or ""
