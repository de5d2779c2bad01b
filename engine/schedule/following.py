"""nowBackupStatus and restoreBackupStatus: how the backups and restores that were requested stand.

The runner itself follows their tasks; these two tell, at every look, what runs and what has ended since.
"""

from __future__ import annotations

from engine.clock import now_ms
from engine.store.database import session
from engine.store.models import Run
from engine.work.task import TaskReport, TaskResources


def manual_backups(resources: TaskResources) -> TaskReport:
    """The manual backups that run or ended since the last look."""
    return _since(resources, "Backup", "now_backup")


def restores(resources: TaskResources) -> TaskReport:
    """The restores that run or ended since the last look."""
    return _since(resources, "Restore", "restore_backup")


def _since(resources: TaskResources, pipeline: str, action: str) -> TaskReport:
    report = TaskReport()
    since = resources.since or now_ms()
    with session():
        ended = (Run.finished_at >= since) | (Run.live == 1)
        for run in Run.select().where(Run.action == pipeline, ended).order_by(Run.id):
            result = run.error if run.result == "error" else run.result
            report.add(run.vm.service_id, action, "waiting" if result == "running" else result)
    return report
