"""The snapshots that are due today, each at most once per VM and local date; part of removeOldSnapshots."""

from __future__ import annotations

from typing import Any

from engine.clock import local_now
from engine.pipelines.steps.snapshots import new_name
from engine.schedule import daily
from engine.store.models import DailySnapshot, SnapshotSchedule
from engine.work.task import TaskReport, TaskResources


def _details(today: str) -> dict[str, Any]:
    return {"name": new_name(), "note": f"scheduled {today}"}


SNAPSHOTS = daily.Daily(SnapshotSchedule, DailySnapshot, "ScheduledSnapshot", "schedule_snapshot", _details)


def begin(resources: TaskResources, report: TaskReport) -> None:
    """Begin what is due, and close what was begun and lost."""
    daily.close_lost(SNAPSHOTS)
    daily.begin_due(SNAPSHOTS, resources, report)
    daily.forget_old(SNAPSHOTS, local_now())
