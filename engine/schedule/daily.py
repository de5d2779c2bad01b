"""What is to happen once per VM and local date: begins what is due, and closes the days that ended without a word.

The unique row of the day decides, not the clock: whatever summer time or a wrong clock does, no day has two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from engine.actions.requests import enqueue
from engine.audit import Actor
from engine.clock import DAYS, local_now
from engine.store.database import in_transaction, session
from engine.store.models import BackupSchedule, DailyBackup, DailySnapshot, Run, SnapshotSchedule, Vm
from engine.work import requests, wake
from engine.work.task import TaskReport, TaskResources

_ENGINE = Actor(login="engine", ssh_client="", source="engine")
_KEPT = timedelta(days=60)
_UNTOLD = "it did not end as it should; its run is in the VM's log"


@dataclass(frozen=True, slots=True)
class Daily:
    """A thing that a schedule makes: where its days are kept, and what is asked of the VM."""

    schedule: type[BackupSchedule] | type[SnapshotSchedule]
    day: type[DailyBackup] | type[DailySnapshot]
    pipeline: str
    action: str
    details: Callable[[str], dict[str, Any]]  # what the day's row and the request hold besides the date


def begin_due(kind: Daily, resources: TaskResources, report: TaskReport) -> None:
    """Ask every VM whose hour has come and that has none of today yet; one that is busy is asked later."""
    here = local_now()
    today, minute = here.strftime("%Y-%m-%d"), here.hour * 60 + here.minute
    with session():
        for row in list(kind.schedule.select().where(kind.schedule.minute <= minute)):
            if DAYS[here.weekday()] not in row.days or not resources.keep_going():
                continue
            if in_transaction(partial(_begin, kind, row.vm_id, today)):
                report.add(row.vm.service_id, kind.action, "success")


def _begin(kind: Daily, vm_id: int, today: str) -> bool:
    """Start the day's one of one VM; False when it was begun already or must wait for the VM."""
    vm = Vm.get_by_id(vm_id)
    if is_busy(vm) or kind.day.select().where(kind.day.vm == vm_id, kind.day.local_date == today).exists():
        return False
    details = kind.details(today)
    columns = {name: value for name, value in details.items() if name in kind.day._meta.fields}
    if not kind.day.insert(vm=vm_id, local_date=today, **columns).on_conflict_ignore().execute():
        return False
    enqueue(vm, kind.pipeline, _ENGINE, {"local_date": today, **details})
    wake.notify()
    return True


def is_busy(vm: Vm) -> bool:
    """Whether a scheduled thing has to wait: the VM is not ready, works on something, or is locked."""
    at_work = bool(vm.flow.get("pipeline") or vm.remote_lock or requests.any_queued(vm.id))
    return vm.vm_status != "ready" or at_work or vm.service.status not in ("Active", "Suspended")


def close_lost(kind: Daily) -> list[tuple[int, str]]:
    """Mark the days as failed whose run ended without closing them; returns each VM with the reason."""
    lost = []
    with session():
        for row in list(kind.day.select().where(kind.day.state == "started")):
            if error := in_transaction(partial(_close, kind, row)):
                lost.append((int(row.vm_id), error))
    return lost


def _close(kind: Daily, row: Any) -> str:
    """Close one day if nothing works on it any more; returns why it failed, empty while it is running."""
    vm = Vm.get_by_id(row.vm_id)
    queued = [{"pipeline": one.pipeline, "args": one.args} for one in requests.queue_of(vm.id)]
    if any(_is_of_day(kind, asked, row.local_date) for asked in [vm.flow, *queued]):
        return ""
    run = Run.select().where(Run.vm == vm.id, Run.action == kind.pipeline).order_by(Run.id.desc()).first()
    error = (run.error if run is not None else "") or _UNTOLD
    closed = kind.day.update(state="failed", error=error).where(
        kind.day.id == row.id, kind.day.state == "started"
    )
    return error if closed.execute() else ""


def _is_of_day(kind: Daily, asked: dict[str, Any], date: str) -> bool:
    args = asked.get("args") or {}
    return asked.get("pipeline") == kind.pipeline and args.get("local_date") == date


def forget_old(kind: Daily, now: datetime) -> None:
    """Delete the days that are long past."""
    edge = (now - _KEPT).strftime("%Y-%m-%d")
    in_transaction(lambda: kind.day.delete().where(kind.day.local_date < edge).execute())
