"""Every scheduled task, in the order of SPEC. A new task is one line here."""

from __future__ import annotations

from difflib import get_close_matches

from engine.errors import Refused
from engine.schedule import backups_due, following, old_snapshots, process_vms, statistics
from engine.schedule.task import Task

TASKS: tuple[Task, ...] = (
    Task(
        "processVirtualMachines",
        1,
        "walks every VM that is not at rest through its pipeline",
        process_vms.run,
    ),
    Task(
        "removeOldSnapshots",
        5,
        "deletes snapshots past their product's lifetime and takes the scheduled ones",
        old_snapshots.run,
    ),
    Task("restoreBackupStatus", 1, "follows running restores", following.restores),
    Task("nowBackupStatus", 1, "follows running manual backups", following.manual_backups),
    Task("scheduleBackup", 5, "makes the backups that are due today", backups_due.run),
    Task("collectingStatistics", 60, "network bytes in and out per VM, for billing", statistics.run),
)


def named(name: str) -> Task:
    """The task of that name."""
    for task in TASKS:
        if task.name == name:
            return task
    near = get_close_matches(name, [task.name for task in TASKS], 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise Refused(f"There is no task '{name}'.{hint} `kvmtui cron --list` shows them all.")
