"""When each task ran, who runs it now, and whether it is due. One row per task, shared by every process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.clock import now_ms
from engine.store import settings
from engine.store.database import in_transaction, session
from engine.store.models import TaskState, Worker
from engine.work import events
from engine.work.task import Task, TaskReport

CHANNEL = "tasks"  # notified when somebody asks for a task now
KEPT_RESULTS = 200


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A task as `kvmtui cron --list` shows it."""

    task: str
    does: str
    interval_minutes: int
    last_run_at: int | None
    next_run_at: int | None
    locked_by: str
    locked_at: int | None
    processed: int
    errors: int
    seconds: float


def standing(task: Task) -> ScheduledTask:
    """How a task stands."""
    with session():
        return _standing(task, _row(task))


def standings(tasks: Sequence[Task]) -> list[ScheduledTask]:
    """How several tasks stand, in their order, from one query."""
    with session():
        rows = {
            row.name: row
            for row in TaskState.select().where(TaskState.name.in_([task.name for task in tasks]))
        }
        return [_standing(task, rows.get(task.name) or _row(task)) for task in tasks]


def _standing(task: Task, row: TaskState) -> ScheduledTask:
    return ScheduledTask(
        task.name,
        task.does,
        row.interval_minutes,
        row.last_run_at,
        _next_run(row),
        row.locked_by,
        row.locked_at,
        row.processed,
        row.errors,
        row.seconds,
    )


def _next_run(row: TaskState) -> int | None:
    """When it is due; now when it never ran, None when it is off."""
    if row.interval_minutes == 0:
        return None
    return now_ms() if row.last_run_at is None else row.last_run_at + row.interval_minutes * 60_000


def _row(task: Task) -> TaskState:
    row = TaskState.get_or_none(TaskState.name == task.name)
    if row is None:
        in_transaction(
            lambda: (
                TaskState.insert(name=task.name, interval_minutes=task.minutes).on_conflict_ignore().execute()
            )
        )
        row = TaskState.get(TaskState.name == task.name)
    return row


def take(task: Task, owner: str, force: bool = False) -> tuple[int, int | None] | None:
    """Lock a due task for `owner`: its fence and when it ran before; None when it is not due or not free.

    A lock whose worker is gone, or that is older than the lock timeout, is taken over.
    """
    now = now_ms()

    def work() -> tuple[int, int | None] | None:
        row = _row(task)
        if not force and (row.interval_minutes == 0 or not _is_due(row, now)):
            return None
        if row.locked_by and not _abandoned(row, now):
            return None
        if row.locked_by:
            events.publish(
                "task", f"[{task.name}] the lock of {row.locked_by} was taken over", level="waiting"
            )
        moved = (
            TaskState.update(locked_by=owner, locked_at=now, fence=row.fence + 1)
            .where(TaskState.name == task.name, TaskState.fence == row.fence)
            .execute()
        )
        return (row.fence + 1, row.last_run_at) if moved else None

    with session():
        row = _row(task)
        if not force and (row.interval_minutes == 0 or not _is_due(row, now)):
            return None
        return in_transaction(work)


def _is_due(row: TaskState, now: int) -> bool:
    if row.last_run_at is None or row.last_run_at > now:  # the clock went back: do not wait for it
        return True
    return now - row.last_run_at >= row.interval_minutes * 60_000


def _abandoned(row: TaskState, now: int) -> bool:
    if now - (row.locked_at or 0) > settings.read(settings.Cron).lock_timeout * 1000:
        return True
    return not Worker.select().where(Worker.id == row.locked_by).exists()


def finish(task: Task, fence: int, began: int, report: TaskReport) -> None:
    """Unlock a task and keep its result; a worker whose lock was taken over keeps silent."""
    results = [
        {"service": one.service, "action": one.action, "result": one.result}
        for one in report.outcomes[:KEPT_RESULTS]
    ]
    in_transaction(
        lambda: (
            TaskState.update(
                locked_by="",
                locked_at=None,
                last_run_at=began,
                processed=report.processed,
                errors=report.errors,
                seconds=round((now_ms() - began) / 1000, 2),
                results=results,
            )
            .where(TaskState.name == task.name, TaskState.fence == fence)
            .execute()
        )
    )


def clear_locks() -> list[str]:
    """Remove every task lock; returns whose they were."""

    def work() -> list[str]:
        locked = [row.name for row in TaskState.select().where(TaskState.locked_by != "")]
        TaskState.update(locked_by="", locked_at=None, fence=TaskState.fence + 1).where(
            TaskState.locked_by != ""
        ).execute()
        return locked

    return in_transaction(work)
