"""Snapshots, backups, restore, password and ISO: what an operator asks of a VM that is ready."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from typing import Any

from engine.actions.packages import applied
from engine.actions.permission import needs
from engine.actions.requests import Accepted, Queued, change, enqueue, label, refuse_suspended, subject, vm_of
from engine.audit import Actor
from engine.clock import DAYS, now_ms
from engine.errors import InvalidValue, Refused
from engine.pipelines.steps.snapshots import new_name
from engine.roles import Role
from engine.store.database import session
from engine.store.models import BackupSchedule, SnapshotSchedule, Vm

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,39}")
_RESERVED = ("current", "pending")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@needs(Role.SUPPORT, "create a snapshot")
def create_snapshot(actor: Actor, service_id: int, name: str = "", note: str = "") -> Queued:
    """Take a snapshot; without a name it gets one that cannot collide."""
    chosen = name.strip() or new_name()
    if not _NAME.fullmatch(chosen) or chosen in _RESERVED:
        raise InvalidValue(
            "name",
            f"'{chosen}' is not a snapshot name. Use 2 to 40 letters, digits, - or _, starting with a letter; "
            "current and pending are reserved.",
        )
    with session():
        vm = _ready(service_id)
        _need_snapshots(vm)
        return _ask(actor, vm, "Snapshot", "snapshot create", name=chosen, note=note[:200])


@needs(Role.SUPPORT, "delete a snapshot")
def delete_snapshot(actor: Actor, service_id: int, name: str) -> Queued:
    """Delete a snapshot."""
    with session():
        return _ask(actor, _ready(service_id), "DeleteSnapshot", "snapshot delete", name=name)


@needs(Role.SUPPORT, "roll back to a snapshot")
def roll_back(actor: Actor, service_id: int, name: str) -> Queued:
    """Bring the VM back to a snapshot; what happened since is lost."""
    with session():
        return _ask(actor, _ready(service_id), "Rollback", "snapshot rollback", name=name)


@needs(Role.SUPPORT, "create a backup")
def create_backup(actor: Actor, service_id: int) -> Queued:
    """Make a backup now; at the plan's limit the oldest of ours makes room."""
    with session():
        vm = _ready(service_id)
        _need_backups(vm)
        return _ask(actor, vm, "Backup", "backup create")


@needs(Role.SUPPORT, "delete a backup")
def delete_backup(actor: Actor, service_id: int, backup: str) -> Queued:
    """Delete a backup we made."""
    with session():
        vm = _ready(service_id)
        _need_backups(vm)
        return _ask(actor, vm, "DeleteBackup", "backup delete", backup=backup)


@needs(Role.SUPPORT, "restore a backup")
def restore(actor: Actor, service_id: int, backup: str) -> Queued:
    """Overwrite the VM with a backup, apply its product again and start it."""
    with session():
        vm = _ready(service_id)
        refuse_suspended(vm, "restore")
        _need_backups(vm)
        return _ask(actor, vm, "Restore", "restore", backup=backup)


@needs(Role.SUPPORT, "schedule backups")
def schedule(actor: Actor, service_id: int, days: Iterable[str], at: str = "") -> Queued:
    """Back the VM up on these weekdays; without a time one is drawn, so that not all begin at once."""
    return _set_schedule(actor, service_id, BackupSchedule, "backup", _need_backups, days, at)


@needs(Role.SUPPORT, "schedule snapshots")
def schedule_snapshots(actor: Actor, service_id: int, days: Iterable[str], at: str = "") -> Queued:
    """Take a snapshot of the VM on these weekdays; without a time one is drawn, without days none is taken."""
    return _set_schedule(actor, service_id, SnapshotSchedule, "snapshot", _need_snapshots, days, at)


def _set_schedule(
    actor: Actor,
    service_id: int,
    table: type[BackupSchedule] | type[SnapshotSchedule],
    what: str,
    need: Callable[[Vm], None],
    days: Iterable[str],
    at: str,
) -> Queued:
    """Replace the schedule; without days it is removed. `need` refuses a VM whose plan does not allow it."""
    ordered, minute = _weekdays(days), _minute(at)
    with session():
        vm = _ready(service_id)
        if ordered:
            need(vm)

        def work() -> Accepted:
            table.delete().where(table.vm == vm.id).execute()
            if not ordered:
                return Accepted(f"The {what} schedule of {label(vm)} was removed.")
            table.create(vm=vm.id, days=ordered, minute=minute, since=now_ms())
            when = f"{minute // 60:02d}:{minute % 60:02d}"
            return Accepted(f"A {what} of {label(vm)} is scheduled on {', '.join(ordered)} at {when}.")

        return change(actor, vm, f"{what} schedule", work, days=ordered, minute=minute)


def _weekdays(days: Iterable[str]) -> list[str]:
    wanted = [day.strip().lower()[:3] for day in days if day.strip()]
    unknown = [day for day in wanted if day not in DAYS]
    if unknown:
        raise Refused(
            f"'{unknown[0]}' is not a weekday; use {', '.join(DAYS)}, or none to disable the schedule."
        )
    return [day for day in DAYS if day in wanted]


def _minute(at: str) -> int:
    if not at:
        return random.randrange(24 * 60)
    match = _TIME.fullmatch(at.strip())
    if match is None:
        raise Refused(f"'{at}' is not a time of day; write HH:MM.")
    return int(match[1]) * 60 + int(match[2])


@needs(Role.SUPPORT, "reset a password")
def reset_password(actor: Actor, service_id: int) -> Queued:
    """Give the guest a new password: by its agent while it runs, else by cloud-init with a restart."""
    with session():
        vm = _ready(service_id)
        refuse_suspended(vm, "password")
        return _ask(actor, vm, "ResetPassword", "password")


@needs(Role.OPERATOR, "repair disks")
def repair_disks(actor: Actor, service_id: int) -> Queued:
    """Convert the VM's disks on file storage to qcow2, so that it can be snapshotted; it may run."""
    with session():
        return _ask(actor, _ready(service_id), "RepairDisks", "repair-disk")


@needs(Role.SUPPORT, "mount an ISO image")
def mount_iso(actor: Actor, service_id: int, iso: str, restart: bool = False) -> Queued:
    """Put an ISO image of the plan's storage into the VM's drive.

    With `restart`, a running VM that has no CD drive yet is restarted to get one.
    """
    with session():
        vm = _ready(service_id)
        storage = applied(vm).iso_storage
        if not storage:
            raise Refused(f"The product of {label(vm)} names no ISO storage; set iso_storage in its product.")
        volid = iso if ":" in iso else f"{storage}:iso/{iso}"
        asked = {"iso": volid, "restart": True} if restart else {"iso": volid}
        return _ask(actor, vm, "MountIso", "iso mount", **asked)


@needs(Role.SUPPORT, "eject an ISO image")
def eject_iso(actor: Actor, service_id: int) -> Queued:
    """Take the ISO image out."""
    with session():
        return _ask(actor, _ready(service_id), "EjectIso", "iso eject")


def _ask(actor: Actor, vm: Vm, pipeline: str, verb: str, **args: Any) -> Queued:
    return change(actor, vm, verb, lambda: enqueue(vm, pipeline, actor, args), **args)


def _ready(service_id: int) -> Vm:
    vm = vm_of(service_id)
    if vm.vm_status != "ready":
        raise Refused(f"{subject(vm)} is not ready ({vm.vm_status}); wait until it is ready, then retry.")
    return vm


def _need_snapshots(vm: Vm) -> None:
    if applied(vm).snapshots <= 0:
        raise Refused(
            f"The product of {label(vm)} allows no snapshots. Raise the number in the product, then run change-package."
        )


def _need_backups(vm: Vm) -> None:
    plan = applied(vm)
    if plan.backups <= 0 or not plan.backup_storage:
        raise Refused(
            f"The product of {label(vm)} has no backups; set backups and backup_storage in its product."
        )
