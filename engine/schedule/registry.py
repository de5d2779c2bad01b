"""Every scheduled task, in the order of SPEC. A new task is one line here.

Retention is ticked like the tasks but is not listed with them: it works on the database alone, has no interval to set
(Settings, Retention says what is kept), and `kvmtui doctor` shows how its last run went.

What a task runs is imported when it runs: a screen that lists the tasks does not wait for the Proxmox client.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from engine.errors import Refused
from engine.nearest import nearest
from engine.work.task import Task, TaskReport, TaskResources


def _in(module: str, function: str = "run") -> Callable[[TaskResources], TaskReport]:
    """A function of a module beside this one, looked up when it is called."""

    def run(resources: TaskResources) -> TaskReport:
        report: TaskReport = getattr(import_module(f"engine.schedule.{module}"), function)(resources)
        return report

    return run


TASKS: tuple[Task, ...] = (
    Task(
        "processVirtualMachines",
        1,
        "runs the pipeline of every VM that is not idle",
        _in("process_vms"),
    ),
    Task(
        "removeOldSnapshots",
        5,
        "deletes snapshots past their product's lifetime and takes the scheduled ones",
        _in("old_snapshots"),
    ),
    Task("restoreBackupStatus", 1, "follows running restores", _in("following", "restores")),
    Task("nowBackupStatus", 1, "follows running manual backups", _in("following", "manual_backups")),
    Task("scheduleBackup", 5, "makes the backups that are due today", _in("backups_due")),
    Task(
        "collectingStatistics", 60, "counts network bytes in and out per VM, for billing", _in("statistics")
    ),
)

RETENTION = Task(
    "retention", 60, "deletes what has ended and is older than the settings keep", _in("retention"), False
)


def named(name: str) -> Task:
    """The task of that name."""
    for task in (*TASKS, RETENTION):
        if task.name == name:
            return task
    near = nearest(name, (task.name for task in TASKS))
    raise Refused(f"Task '{name}' not found.{near} `kvmtui cron --list` shows them all.")
