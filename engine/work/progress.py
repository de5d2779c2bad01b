"""The state of one walk over a VM, and the results of steps that are not committed yet.

The result of a step that changed nothing is written with the walk's next transaction. A crash in between repeats a
check that found nothing to do, never a call: the journal entry of the next call commits what is pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.store.database import database, in_transaction
from engine.work import claims, record
from engine.work.claims import Claim
from engine.work.item import WorkItem
from engine.work.record import EndedStep, RunRow


@dataclass(slots=True)
class Walk:
    """One walk over a claimed VM: the rows as it committed them, and what its steps keep for later steps."""

    claim: Claim
    item: WorkItem | None = None
    run: RunRow | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    pending: Sequence[EndedStep] = ()  # `item` is as if they were committed

    def fence(self) -> None:
        """Raise LeaseLost when another worker holds the VM, else write what is pending. Inside a transaction."""
        if not self.pending or self.item is None:
            claims.check(self.claim)
            return
        claims.write(self.claim, flow=self.item.flow, due_in=0)
        record.write(self.pending)
        database.after_commit(self.committed)

    def commit_pending(self) -> None:
        """Write what is pending in a transaction of its own."""
        if self.pending:
            in_transaction(self.fence)

    def committed(self) -> None:
        """Nothing is pending any more."""
        self.pending = ()
