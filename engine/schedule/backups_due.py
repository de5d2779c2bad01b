"""scheduleBackup: begins the backups that are due today, each at most once per VM and local date.

The unique row of the day decides, not the clock: whatever summer time or a wrong clock does, no day has two.
"""

from __future__ import annotations

from engine import wake
from engine.actions.requests import enqueue
from engine.audit import Actor
from engine.clock import local_now
from engine.errors import Refused
from engine.schedule.task import Report, Room
from engine.store.database import in_transaction, session
from engine.store.models import BackupSchedule, DailyBackup, Vm

_ENGINE = Actor(login="engine", ssh_client="", source="engine")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def run(room: Room) -> Report:
    """Ask every VM whose hour has come and that has no backup of today yet."""
    report = Report()
    here = local_now()
    today, minute = here.strftime("%Y-%m-%d"), here.hour * 60 + here.minute
    with session():
        for row in list(BackupSchedule.select().where(BackupSchedule.minute <= minute)):
            if _DAYS[here.weekday()] not in row.days or not room.keep_going():
                continue
            began = _begin(row, today)
            if began:
                report.add(row.vm.service_id, "schedule_backup", began)
    room.begin()
    return report


def _begin(row: BackupSchedule, today: str) -> str:
    """Start today's backup of one VM; empty when it is begun already or must wait for the VM."""
    vm = Vm.get_by_id(row.vm_id)
    if vm.vm_status != "ready" or vm.service.status not in ("Active", "Suspended"):
        return ""
    if DailyBackup.select().where(DailyBackup.vm == vm.id, DailyBackup.local_date == today).exists():
        return ""

    def work() -> str:
        fresh = DailyBackup.insert(vm=vm.id, local_date=today).on_conflict_ignore().execute()
        if not fresh:
            return ""
        try:
            enqueue(vm, "Backup", _ENGINE, {"local_date": today})
        except Refused:
            raise _Later from None
        wake.ring()
        return "success"

    try:
        return in_transaction(work)
    except _Later:
        return ""


class _Later(Exception):
    """A backup or restore of the VM runs now; the row of the day is rolled back, the next look tries again."""
