"""Asks for a scheduled task at once: it becomes due, and the next look of an engine runs it."""

from __future__ import annotations

from engine.actions.site import tell
from engine.audit import Actor
from engine.errors import Refused
from engine.schedule.ledger import standing
from engine.schedule.registry import named
from engine.store.database import in_transaction
from engine.store.models import TaskState


def run_now(name: str, actor: Actor) -> str:
    """Make a task due; refused while its interval is 0, for no engine looks at it then."""
    task = named(name)
    if standing(task).interval_minutes == 0:
        raise Refused(f"Task {name} is off (interval 0). Give it an interval first, or use `kvmtui cron`.")

    def work() -> None:
        TaskState.update(last_run_at=None).where(TaskState.name == name).execute()
        tell(actor, "run", "setting", name, name, {}, {})

    in_transaction(work)
    return f"{name} is due now; an engine takes it up within seconds."
