"""What a scheduled task is, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.work.servers import Servers


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What one service's part of a task came to."""

    service: int
    action: str
    result: str

    @property
    def failed(self) -> bool:
        """Anything but success and waiting is a reason."""
        return self.result not in ("success", "waiting", "skip")


@dataclass(slots=True)
class TaskReport:
    """What a task did: shown by cron, kept as its last result."""

    processed: int = 0
    errors: int = 0
    outcomes: list[ItemOutcome] = field(default_factory=list)

    def add(self, service: int, action: str, result: str) -> None:
        """Count one service."""
        outcome = ItemOutcome(service, action, result)
        self.outcomes.append(outcome)
        self.processed += 1
        self.errors += outcome.failed

    def count(self, services: int, errors: int = 0) -> None:
        """Count services that need no line of their own."""
        self.processed += services
        self.errors += errors


@dataclass(slots=True)
class TaskResources:
    """What a task may use. `keep_going` turns False when the process ends or the budget is spent."""

    servers: Servers
    owner: str
    keep_going: Callable[[], bool]
    since: int | None = None  # when the task ran before, epoch milliseconds
    until_rest: bool = False  # cron: stay until every VM is idle, has failed or waits past the budget
    begin: Callable[[], None] = lambda: None  # cron: starts the engine, once the task has said that it runs


@dataclass(frozen=True, slots=True)
class Task:
    """A job of the engine with its usual interval; 0 minutes switches it off."""

    name: str
    minutes: int
    does: str
    run: Callable[[TaskResources], TaskReport]
    listed: bool = True  # False: housekeeping that writes no lines and is not in `cron --list`
