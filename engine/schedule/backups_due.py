"""scheduleBackup: begins the backups that are due today, each at most once per VM and local date.

The same tick tries again to delete what terminated VMs have left behind.
"""

from __future__ import annotations

from engine.clock import local_now
from engine.schedule import daily, left_backups
from engine.store.database import in_transaction
from engine.store.models import BackupSchedule, DailyBackup
from engine.work.task import TaskReport, TaskResources

BACKUPS = daily.Daily(BackupSchedule, DailyBackup, "Backup", "schedule_backup", lambda today: {})


def run(resources: TaskResources) -> TaskReport:
    """Ask every VM whose hour has come and that has no backup of today yet."""
    report = TaskReport()
    for vm_id, error in daily.close_lost(BACKUPS):
        _remember(vm_id, error)
    daily.begin_due(BACKUPS, resources, report)
    daily.forget_old(BACKUPS, local_now())
    left_backups.retry(resources, report)
    resources.begin()
    return report


def _remember(vm_id: int, error: str) -> None:
    """The schedule says why it has missed a backup."""
    in_transaction(lambda: BackupSchedule.update(error=error).where(BackupSchedule.vm == vm_id).execute())
