"""What every step gets: its claim and run, what it remembered before, and a place for its results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.proxmox.cluster import Cluster
from engine.proxmox.faults import FaultKind
from engine.store.database import in_transaction
from engine.store.models import Server
from engine.work import claims, limits, record
from engine.work.claims import Claim
from engine.work.item import WorkItem
from engine.work.journal import Journal
from engine.work.model import Wait
from engine.work.record import RunRow


@dataclass(kw_only=True)
class TaskContext:
    """One look at one step. Changes collected here are committed together with the step's end.

    While the step runs, every transaction of its thread begins with the fence of the claim.
    """

    item: WorkItem
    claim: Claim
    run: RunRow
    journal: Journal
    server: Server
    cluster: Cluster
    args: dict[str, Any]
    kept: dict[str, Any] = field(default_factory=dict)  # of this walk only; a crash may lose it
    failed: str = ""  # why the task this step had started ended badly, if it did
    failed_kind: FaultKind | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    flow: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    at_end: list[Callable[[], None]] = field(default_factory=list)

    def set(self, **changes: Any) -> None:
        """Change columns of the VM when the step's end is committed."""
        self.changes.update(changes)

    def save(self, **changes: Any) -> None:
        """Commit columns of the VM now, because a call that is about to be sent depends on them."""
        in_transaction(lambda: claims.write(self.claim, **changes))

    def remember(self, **flow: Any) -> None:
        """Keep something until the pipeline ends; it is there again after a crash once the look is committed."""
        self.flow.update(flow)

    def note(self, text: str) -> None:
        """Add a line below the step's own line."""
        self.notes.append(text)

    def say(self, text: str, level: str = "info") -> None:
        """Write a line at once, while the step is still at work."""
        in_transaction(lambda: record.say_note(self.item, self.run, text, level))

    def on_commit_with_end(self, work: Callable[[], None]) -> None:
        """Run `work` inside the transaction that commits this step's good end."""
        self.at_end.append(work)

    def turn(self, key: str, limit: int, why: str) -> Wait | None:
        """None when this VM may proceed, else the wait for its turn. The slot is held until the step ends."""
        if limit <= 0:
            return None
        if limits.take(self.item, key, limit):
            self.remember(slot=True)
            return None
        return Wait("turn", why, key=key)
