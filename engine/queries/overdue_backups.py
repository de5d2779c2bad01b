"""Backups that a schedule should have made and did not: since when, and what prevents it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from engine.clock import DAYS, Moment, local, now_ms
from engine.store.database import session
from engine.store.models import BackupSchedule, Product, Server, Service, Vm

GRACE_MS = 2 * 3_600_000  # a backup may wait for its node; a failed one is overdue at once
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class OverdueBackup:
    """A VM whose schedule has missed a backup: when the first missing one was due, and why there is none."""

    service_id: int
    name: str
    since: Moment
    reason: str


def overdue_backups() -> list[OverdueBackup]:
    """Every schedule that has missed a backup, the longest first."""
    with session():
        return sorted(_overdue(), key=lambda backup: (backup.since, backup.service_id))


def overdue_backup_of(service_id: int) -> OverdueBackup | None:
    """The backups the schedule of one service has missed; None when it missed none or there is none."""
    with session():
        return next(_overdue(service_id), None)


def _overdue(service_id: int | None = None) -> Iterator[OverdueBackup]:
    """Dates are worked out for every schedule, VMs are read only for those that missed one."""
    now, zone = now_ms(), local(0).tzinfo
    since = {}
    for row_id, days, minute, began, good_at, error, service, vm in list(_schedules(service_id).tuples()):
        if service not in ("Active", "Suspended") or vm == "remove":
            continue
        due = first_due(days, minute, max(good_at or 0, began), zone)
        if due is not None and (due + GRACE_MS <= now or (error and due <= now)):
            since[row_id] = due
    ids = list(since)
    for place in range(0, len(ids), _AT_ONCE):
        for row in list(_whole(ids[place : place + _AT_ONCE])):
            yield OverdueBackup(row.vm.service_id, row.vm.name, since[row.id], _reason(row))


def _schedules(service_id: int | None) -> Any:
    """Schedules with the states of service and VM; asked by state, SQLite would read every active service."""
    columns = ("id", "days", "minute", "since", "good_at", "error")
    query = (
        BackupSchedule.select(
            *(getattr(BackupSchedule, name) for name in columns), Service.status, Vm.vm_status
        )
        .join_from(BackupSchedule, Vm)
        .join_from(Vm, Service)
    )
    return query if service_id is None else query.where(Service.id == service_id)


def _whole(ids: list[int]) -> Any:
    query = BackupSchedule.select(BackupSchedule, Vm, Service, Server, Product)
    query = query.join_from(BackupSchedule, Vm).join_from(Vm, Service).join_from(Service, Product)
    return query.join_from(Vm, Server).where(BackupSchedule.id.in_(ids))


def first_due(days: list[str], minute: int, after: int, zone: tzinfo | None = None) -> int | None:
    """The first moment after `after` at which a schedule is due; None for one without days."""
    start = datetime.fromtimestamp(after / 1000, zone or local(0).tzinfo)
    for ahead in range(8):
        day = start.date() + timedelta(days=ahead)
        if DAYS[day.weekday()] not in days:
            continue
        due = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=start.tzinfo)
        moment = int(due.timestamp() * 1000)
        if moment > after:
            return moment
    return None


def _reason(row: BackupSchedule) -> str:
    from engine.actions.packages import (
        applied,  # brings the whole Proxmox client; the first screen waits for none
    )

    vm, server = row.vm, row.vm.server
    if row.error:
        return str(row.error)
    if server.failures:
        return f"server {server.name} does not answer: {server.last_error}"
    if server.state == "paused":
        return f"server {server.name} is paused"
    if vm.vm_status != "ready":
        return f"the VM is not ready ({vm.vm_status})"
    if busy := vm.flow.get("pipeline"):
        return f"{busy} runs at the VM" + (f": {vm.wait_why}" if vm.wait_why else "")
    if vm.remote_lock:
        return f"the VM is locked ({vm.remote_lock})"
    plan = applied(vm)
    if plan.backups <= 0 or not plan.backup_storage:
        return "the product no longer has backups"
    return "it was not started; check that an engine runs and scheduleBackup is enabled"
