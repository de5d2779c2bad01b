"""Runs one task under its lock and reports its lines."""

from __future__ import annotations

import logging
from collections.abc import Callable

from engine.clock import now_ms, stamp
from engine.errors import KvmtuiError
from engine.redact import redact
from engine.work import events
from engine.work import task_ledger as ledger
from engine.work.task import Task, TaskReport, TaskResources

log = logging.getLogger(__name__)
Say = Callable[[str], None]


def perform(task: Task, resources: TaskResources, say: Say, force: bool = False) -> TaskReport | None:
    """Run a task if it is due and free; None when it was not."""
    taken = ledger.take(task, resources.owner, force)
    if taken is None:
        return None
    fence, resources.since = taken
    began = now_ms()
    say(_opening(task, began, resources.since))
    report = TaskReport()
    try:
        report = task.run(resources)
    except KvmtuiError as error:
        report = _broken(task, error.sentence)
    except Exception as error:
        log.exception("Task %s broke", task.name)
        report = _broken(task, f"internal error ({type(error).__name__}); see the log file")
    finally:
        ledger.finish(task, fence, began, report)
    for line in _closing(task, began, report):
        say(line)
    return report


def _broken(task: Task, why: str) -> TaskReport:
    report = TaskReport(errors=1)
    events.announce("alert", f"[{task.name}] failed: {redact(why)}", level="error")
    return report


def _opening(task: Task, began: int, last: int | None) -> str:
    minutes = ledger.standing(task).interval_minutes
    before = stamp(last)[11:] if last else "never"
    return f"{stamp(began)} [{task.name}] Running (interval: {minutes}m, last: {before})"


def _closing(task: Task, began: int, report: TaskReport) -> list[str]:
    now = now_ms()
    seconds = (now - began) / 1000
    counts = f"processed: {report.processed}, errors: {report.errors}"
    lines = [f"{stamp(now)} [{task.name}] Done ({seconds:.1f}s) — {counts}"]
    for one in report.outcomes:
        lines.append(f"{stamp(now)}   sid:{one.service} action:{one.action} result:{redact(one.result)}")
    return lines
