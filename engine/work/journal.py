"""Writes every changing call into the database before it is sent, and its UPID before anything else happens.

The intent carries the fence: a worker that lost its lease is stopped here, before the call goes out.
"""

from __future__ import annotations

import time

from engine.clock import now_ms
from engine.proxmox.faults import Kind
from engine.proxmox.journal import ChangingCall
from engine.store.database import in_transaction
from engine.store.models import Call
from engine.work import claims
from engine.work.claims import Claim


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
            claims.write(self._claim)
            return int(
                Call.insert(
                    server=self._server,
                    vm=self._claim.vm_id,
                    run=self.run_id,
                    step=self.step,
                    what=call.what,
                    method=call.method,
                    path=call.path,
                    node=call.node or "",
                    vmid=call.vmid,
                    params_hash=call.params_hash,
                    fence=self._claim.fence,
                ).execute()
            )

        self.last_call = in_transaction(work)
        if time.monotonic() - began > claims.STALE_MS / 2000:
            # the process was stopped between commit and now: somebody else may already act for this VM
            self.failed(self.last_call, Kind.TRANSIENT, "not sent: this worker was held up for too long")
            raise claims.LeaseLost("held up before a call was sent")
        self.sent += 1
        return self.last_call

    def answered(self, call_id: int, upid: str | None) -> None:
        """Commit the task's name, or that the call ended at once."""
        now = now_ms()
        changes = {"state": "answered", "upid": upid} if upid else {"state": "ended", "ended_at": now}
        self._close(call_id, answered_at=now, **changes)

    def failed(self, call_id: int, kind: Kind, sentence: str) -> None:
        """Commit how it failed; an ambiguous call stays open until the cluster tells what became of it."""
        state = "ambiguous" if kind is Kind.AMBIGUOUS else "failed"
        self._close(call_id, state=state, outcome=sentence, answered_at=now_ms())

    def _close(self, call_id: int, **changes: object) -> None:
        in_transaction(lambda: Call.update(**changes).where(Call.id == call_id).execute())


def open_calls(vm_id: int) -> list[Call]:
    """Calls for this VM whose end is not known, oldest first."""
    return list(
        Call.select()
        .where(Call.vm == vm_id, Call.state.in_(("intent", "answered", "ambiguous")))
        .order_by(Call.id)
    )


def end(call: Call, outcome: str) -> None:
    """Write down what became of a call."""
    in_transaction(
        lambda: (
            Call.update(state="ended", outcome=outcome, ended_at=now_ms()).where(Call.id == call.id).execute()
        )
    )


def found_task(call: Call, upid: str) -> None:
    """Write down the task that an unanswered call had started after all."""
    in_transaction(lambda: Call.update(state="answered", upid=upid).where(Call.id == call.id).execute())


def known_upids(server_id: int, since: int) -> set[str]:
    """Tasks that belong to calls we already know."""
    rows = Call.select(Call.upid).where(Call.server == server_id, Call.intent_at >= since, Call.upid != "")
    return {row.upid for row in rows}
