"""Journals the changing calls of a scheduled task that works for no managed VM.

No lease guards these calls and nothing reconciles them: such a task only sends what may be sent again, and its next run
reads the result.
"""

from __future__ import annotations

from engine.clock import now_ms
from engine.proxmox.faults import FaultKind
from engine.proxmox.journal import ChangingCall
from engine.redact import redact
from engine.store.database import in_transaction
from engine.store.models import Call


class HousekeepingJournal:
    """The CallRecorder of a scheduled task at one server."""

    def __init__(self, server_id: int, task: str) -> None:
        self._server = server_id
        self._task = task

    def intent(self, call: ChangingCall) -> int:
        """Commit what is about to be sent."""
        row = {
            "server": self._server,
            "step": self._task,
            "what": call.what,
            "method": call.method,
            "path": call.path,
            "node": call.node or "",
            "vmid": call.vmid,
            "params_hash": call.params_hash,
        }
        return in_transaction(lambda: int(Call.insert(row).execute()))

    def answered(self, call_id: int, upid: str | None) -> None:
        """Commit the task's name; how it ended shows at the next check."""
        self._close(call_id, state="ended", upid=upid or "")

    def failed(self, call_id: int, kind: FaultKind, sentence: str) -> None:
        """Commit how it failed."""
        self._close(call_id, state="failed", outcome=redact(sentence))

    def _close(self, call_id: int, **changes: object) -> None:
        now = now_ms()
        changes |= {"answered_at": now, "ended_at": now}
        in_transaction(lambda: Call.update(changes).where(Call.id == call_id).execute())
