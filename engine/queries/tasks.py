"""The scheduled tasks with their last and next run, as scripts read them."""

from __future__ import annotations

from typing import Any

from engine.clock import iso
from engine.schedule.registry import TASKS
from engine.work import task_ledger


def tasks() -> list[dict[str, Any]]:
    """Every task in its order, as `cron --list --json` shows it."""
    return [document(each) for each in task_ledger.standings(TASKS)]


def document(row: task_ledger.ScheduledTask) -> dict[str, Any]:
    """A task as JSON."""
    result = {"processed": row.processed, "errors": row.errors, "seconds": row.seconds}
    return {
        "task": row.task,
        "interval_minutes": row.interval_minutes,
        "last_run": iso(row.last_run_at),
        "next_run": iso(row.next_run_at),
        "locked": bool(row.locked_by),
        "locked_by": row.locked_by,
        "last_result": result if row.last_run_at else None,
    }
