"""Asks for a scheduled task at once, and frees tasks whose lock was left behind."""

from __future__ import annotations

from engine.actions.permission import needs
from engine.actions.repository import record
from engine.audit import Actor
from engine.errors import Refused
from engine.roles import Role
from engine.schedule.registry import named
from engine.store.database import in_transaction
from engine.store.models import TaskState
from engine.work import task_ledger as ledger
from engine.work import wake
from engine.work.task_ledger import CHANNEL, standing


@needs(Role.OPERATOR, "run a scheduled task", whole_site=True)
def run_now(name: str, actor: Actor) -> str:
    """Make a task due and wake whoever ticks; refused while it is off, for no engine looks at it then."""
    task = named(name)
    now = standing(task)
    if now.interval_minutes == 0:
        raise Refused(f"Task {name} is off (interval 0). Give it an interval first, or use `kvmtui cron`.")
    if now.locked_by:
        raise Refused(
            f"Task {name} is running, or its lock was left behind by {now.locked_by}. "
            "Wait until it ends, or clear the locks if nothing is running."
        )

    def work() -> None:
        TaskState.update(last_run_at=None).where(TaskState.name == name).execute()
        record(actor, "run", "setting", name, name, {}, {})
        wake.notify(CHANNEL)

    in_transaction(work)
    return f"{name} is due now; an engine takes it up at once."


@needs(Role.OPERATOR, "clear the locks of scheduled tasks", whole_site=True)
def clear_locks(actor: Actor) -> str:
    """Free every task; what a worker that still runs reports later is passed over."""

    def work() -> list[str]:
        freed = ledger.clear_locks()
        if freed:
            record(actor, "unlock", "setting", "cron", ", ".join(freed), {"locked": freed}, {"locked": []})
            wake.notify(CHANNEL)
        return freed

    freed = in_transaction(work)
    return f"Locks cleared: {', '.join(freed)}." if freed else "No task is locked."
