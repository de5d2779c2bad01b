"""Writes every changing call into the database before it is sent, and its UPID before anything else happens.

The intent is fenced: a worker that lost its lease is stopped here, before the call goes out. What became of a call
that was sent is written down whoever holds the lease.
"""

from __future__ import annotations

import time

from engine.clock import now_ms
from engine.errors import Failed
from engine.proxmox.faults import FaultKind
from engine.proxmox.journal import ChangingCall
from engine.store.compiled import Compiled
from engine.store.database import execute, in_transaction, unfenced
from engine.store.models import Call
from engine.work import claims, workers
from engine.work.claims import Claim

MOST_TRIES = 3  # a change accepted this often that does not show is undone by something else


class Journal:
    """The CallRecorder of one walk over one VM."""

    def __init__(self, claim: Claim, server_id: int) -> None:
        self._claim = claim
        self._server = server_id
        self.run_id: int | None = None
        self.step = ""
        self.step_label = ""
        self.last_call: int | None = None
        self.sent = 0

    def intent(self, call: ChangingCall) -> int:
        """Commit what is about to be sent; raises LeaseLost when the VM is no longer ours to work on."""
        began = time.monotonic()

        def work() -> int:
            if self._accepted(call) >= MOST_TRIES:
                raise Failed(_not_converging(call))
            row = execute(
                _INSERT, self._server, self._claim.vm_id, self.run_id, self.step, call.what, call.method,
                call.path, call.node or "", call.vmid, call.params_hash, self._claim.fence, now_ms(),
            )  # fmt: skip
            return int(row.fetchone()[0])

        self.last_call = in_transaction(work)
        if time.monotonic() - began > workers.STALE_MS / 2000:
            # the process was stopped between commit and now: somebody else may already act for this VM
            self.failed(self.last_call, FaultKind.TRANSIENT, "not sent: this worker was held up for too long")
            raise claims.LeaseLost("held up before a call was sent")
        self.sent += 1
        return self.last_call

    def _accepted(self, call: ChangingCall) -> int:
        """How often the cluster accepted this very call in this run of the step."""
        return int(
            execute(
                _ACCEPTED, self._claim.vm_id, self.run_id, self.step, call.method, call.path, call.params_hash
            ).fetchone()[0]
        )

    def answered(self, call_id: int, upid: str | None) -> None:
        """Commit the task's name, or that the call ended at once."""
        now = now_ms()
        if upid:
            self._close(call_id, upid, state="answered", upid=upid, answered_at=now)
        else:
            self._close(call_id, "", state="ended", answered_at=now, ended_at=now)

    def failed(self, call_id: int, kind: FaultKind, sentence: str) -> None:
        """Commit how it failed; an ambiguous call stays open until the cluster shows what became of it."""
        state = "ambiguous" if kind is FaultKind.AMBIGUOUS else "failed"
        self._close(call_id, "", state=state, outcome=sentence, answered_at=now_ms())

    def _close(self, call_id: int, task: str, /, **changes: object) -> None:
        """Write how a call was answered. What another worker found out by then stands, unless it saw no such task."""
        columns = ", ".join(f"{name} = ?" for name in changes)
        sql = f"UPDATE call SET {columns} WHERE id = ? AND (state = 'intent' OR (upid <> ? AND ? <> ''))"
        with unfenced():
            in_transaction(lambda: execute(sql, *changes.values(), call_id, task, task))


def _not_converging(call: ChangingCall) -> str:
    sent = f" ({call.shown})" if call.shown else ""
    return (
        f"The change '{call.what}'{sent} was accepted {MOST_TRIES} times, but VM {call.vmid} still does not show it. "
        "Find what undoes it: another tool, a hook script, or HA rules that manage the guest."
    )


_INSERT = (
    "INSERT INTO call (server_id, vm_id, run_id, step, what, method, path, node, vmid, params_hash, fence, state, "
    "upid, outcome, intent_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'intent', '', '', ?) RETURNING id"
)
_ACCEPTED = (
    "SELECT COUNT(*) FROM call WHERE vm_id = ? AND run_id = ? AND step = ? AND method = ? AND path = ? AND "
    "params_hash = ? AND state = 'ended' AND (outcome IN ('', 'OK') OR SUBSTR(outcome, 1, 8) = 'WARNINGS')"
)

_END = "UPDATE call SET state = 'ended', outcome = ?, ended_at = ? WHERE id = ?"

_OPEN: Compiled[Call] = Compiled(
    lambda vm: (
        Call.select()
        .where(Call.vm == vm, Call.state.in_(("intent", "answered", "ambiguous")))
        .order_by(Call.id)
    ),
    1,
)


def open_calls(vm_id: int) -> list[Call]:
    """Calls for this VM whose end is not known, oldest first."""
    return _OPEN.rows(vm_id)


def end(call: Call, outcome: str) -> None:
    """Write down what became of a call."""
    in_transaction(lambda: execute(_END, outcome, now_ms(), call.id))


def found_task(call: Call, upid: str) -> None:
    """Write down the task that an unanswered call had started after all."""
    in_transaction(lambda: Call.update(state="answered", upid=upid).where(Call.id == call.id).execute())


def known_upids(server_id: int, since: int) -> set[str]:
    """Tasks that belong to calls we already know."""
    rows = Call.select(Call.upid).where(Call.server == server_id, Call.intent_at >= since, Call.upid != "")
    return {row.upid for row in rows}
