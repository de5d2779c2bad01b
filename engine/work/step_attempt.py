"""One attempt at a step of one VM: read the cluster, act, verify; then commit how the attempt ended."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from engine import redact
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.proxmox.faults import FaultKind, ProxmoxError
from engine.store.database import fenced, in_transaction
from engine.work import claims, limits, outages, quorum, record, requests, servers
from engine.work.catalog import GONE
from engine.work.claims import LeaseLost
from engine.work.context import TaskContext
from engine.work.item import WorkItem
from engine.work.journal import Journal
from engine.work.model import Again, Done, Fail, Outcome, Pipeline, PipelineStep, Skip, Wait
from engine.work.progress import Walk
from engine.work.reconcile import reconcile
from engine.work.record import RunRow

if TYPE_CHECKING:
    from engine.work.walk import Walker

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
MOST_CHANGES = 12  # at one step in one walk: more than any step needs, see engine.work.journal for calls
TRANSIENT_TRIES = 3  # attempts of a call with transient failures before the step fails
QUORUM_TRIES = 6  # the same while a cluster refuses changes for lack of quorum although it reports quorum
UNKNOWN_S = 5.0  # until the outcome of a call is read again
LONGEST_PARK_MS = 60_000  # a VM whose notification was lost continues within a minute
NOT_WAITING: dict[str, Any] = {
    "wait_kind": "",
    "wait_upid": "",
    "wait_node": "",
    "wait_why": "",
    "waiting_since": None,
}
_OWN_TO_A_STEP = ("began", "transient", "slot", "ha_since")  # removed from the flow when a step ends


class StepAttempt:
    """One attempt at a step of one VM: read the cluster, act, verify, then commit how it ended."""

    def __init__(
        self, walker: Walker, walk: Walk, vm: WorkItem, run: RunRow, pipeline: Pipeline, index: int
    ) -> None:
        self.walker, self.walk, self.claim, self.vm = walker, walk, walk.claim, vm
        self.run = self.run_before = run
        self.pipeline, self.index = pipeline, index
        self.step: PipelineStep = pipeline.steps[index]
        self.began = vm.flow.get("began") or now_ms()
        self.key = self.step.status or f"{pipeline.name}.{index + 1}"

    def take(self) -> bool:
        """Run the step and commit its end; True when the next step may follow at once."""
        walk, ctx = self.walk, self._context(self.walk.kept)
        with self.walker.servers.recording(ctx.journal):
            outcome = self._outcome(ctx)
        if isinstance(outcome, Wait):
            self._commit(self._park, ctx, outcome)
            return False
        if isinstance(outcome, Fail):
            self._commit(self._fail, ctx, outcome)
            return False
        assert isinstance(outcome, Done | Skip)
        if self._only_moves_on(ctx):
            walk.item = replace(self.vm, flow=self._onward(ctx))
            walk.pending = (
                *walk.pending,
                record.ended(self.vm, self.run, self._good_end(ctx, outcome), self.began),
            )
        else:
            walk.item = self._commit(self._succeed, ctx, outcome)
        walk.run = self.run if walk.item and walk.item.flow else None
        return walk.item is not None

    def _only_moves_on(self, ctx: TaskContext) -> bool:
        """Whether the step's good end changes only the VM's position in the pipeline: it may be committed later."""
        vm, run = self.vm, self.run
        last = self.index + 1 == len(self.pipeline.steps)
        changes = ctx.changes or ctx.at_end or ctx.journal.sent or ctx.flow.get("slot")
        waited = vm.wait_kind or vm.error_since or run.result != "running" or run.steps is None
        return not (last or changes or waited) and self.step.status in (None, vm.vm_status)

    def _commit(self, end: Callable[[TaskContext, T], R], ctx: TaskContext, outcome: T) -> R:
        """Write how the step ended in one transaction; a retry of the transaction starts from the same state."""

        def work() -> R:
            self.run = replace(self.run_before)
            return end(ctx, outcome)

        result = in_transaction(work)
        self.walk.committed()
        return result

    def _context(self, kept: dict[str, Any]) -> TaskContext:
        journal = Journal(self.claim, self.vm.server_id)
        journal.run_id, journal.step, journal.step_label = self.run.id, self.key, self.step.label
        return self.walker.contexts(
            self.vm,
            claim=self.claim,
            run=self.run,
            journal=journal,
            args=self.vm.flow.get("args") or {},
            kept=kept,
            flow=dict(self.vm.flow),
        )

    def _outcome(self, ctx: TaskContext) -> Outcome:
        """How the step ends; every error becomes an outcome."""
        for _ in range(MOST_CHANGES):
            try:
                outcome = self._run_step(ctx)
            except ProxmoxError as error:
                servers.missed(ctx.server, error)
                quorum.hinted(ctx.server, ctx.cluster, error)
                outcome = self._after_error(ctx, error)
            except KvmtuiError as error:
                outcome = Fail(error.sentence)
            except LeaseLost:
                raise
            except Exception as error:
                log.exception("Step '%s' of service %s broke", self.step.label, self.vm.service_id)
                kind = type(error).__name__
                outcome = Fail(f"internal error ({kind}: {redact.redact(str(error))}); see the log file")
            if not isinstance(outcome, Again):
                return outcome
        return Fail(f"the step made {MOST_CHANGES} changes in a row without reaching its goal")

    def _run_step(self, ctx: TaskContext) -> Outcome:
        if self.step.needs_guest:
            if reason := servers.why_not(ctx.server, self.vm.node) or outages.waits(ctx.server):
                return Wait("server", reason)
            try:
                found = reconcile(ctx.cluster, self.vm.id, self.key)
            except ProxmoxError as error:
                return self._unknown(ctx, error)
            ctx.notes.extend(found.notes)
            if found.wait:
                if found.wait.on == "task" and self.step.while_running:
                    return self.step.while_running(ctx, found.wait)
                return found.wait
            if found.no_quorum:
                if reason := quorum.check(ctx.server, ctx.cluster):
                    return Wait("server", reason)
                if wait := self._again_soon(ctx, found.failed, QUORUM_TRIES):
                    return wait
            ctx.failed, ctx.failed_kind = found.failed, found.failed_kind
        with fenced(self.walk.fence):
            outcome = self.step.run(ctx)
        if self.step.needs_guest:
            servers.reached(ctx.server)
        return outcome

    def _unknown(self, ctx: TaskContext, error: ProxmoxError) -> Wait:
        """The wait while the outcome of a call cannot be read: its task may still be running."""
        if error.kind is not FaultKind.TRANSIENT:
            raise error
        servers.missed(ctx.server, error)
        quorum.hinted(ctx.server, ctx.cluster, error)
        if reason := servers.why_not(ctx.server) or outages.waits(ctx.server):
            return Wait("server", reason)
        return Wait("time", error.sentence, seconds=UNKNOWN_S)

    def _after_error(self, ctx: TaskContext, error: ProxmoxError) -> Outcome:
        """What a failed call means for the step."""
        if error.kind is FaultKind.BUSY:
            return Wait("lock", error.sentence, seconds=3 + random.random() * 4)
        if error.kind is FaultKind.AMBIGUOUS:
            return Wait("time", error.sentence, seconds=1)
        if reason := servers.why_not(ctx.server) or outages.waits(ctx.server):
            return Wait("server", reason)
        most = QUORUM_TRIES if error.no_quorum else TRANSIENT_TRIES
        wait = self._again_soon(ctx, error.sentence, most) if error.kind is FaultKind.TRANSIENT else None
        return wait or Fail(error.sentence)

    def _again_soon(self, ctx: TaskContext, why: str, most: int) -> Wait | None:
        """The wait before the next attempt after a transient failure; None when there were enough."""
        tries = int(ctx.flow.get("transient", 0)) + 1
        if tries >= most:
            return None
        ctx.remember(transient=tries)
        return Wait("time", why, seconds=2.0 * tries)

    def _park(self, ctx: TaskContext, wait: Wait) -> None:
        now = now_ms()
        longest = LONGEST_PARK_MS if wait.on in ("task", "turn", "server") else 10_000
        node = wait.key or wait.node or (wait.upid.split(":")[1] if wait.upid else "")
        same = self.vm.wait_kind == wait.on and self.vm.wait_node == node
        claims.park(
            self.claim,
            **ctx.changes,
            flow={**ctx.flow, "began": self.began},
            due_in=int(wait.seconds * 1000) or longest,
            wait_kind=wait.on,
            wait_upid=wait.upid,
            wait_node=node,
            wait_why=redact.redact(wait.why),
            waiting_since=self.vm.waiting_since if same and self.vm.waiting_since else now,
        )
        record.mark_waiting(self.run, waiting=True)
        self._record(self._end(ctx, "waiting", wait.why, wait.notes))

    def _record(self, end: record.StepEnd) -> None:
        record.step(self.vm, self.run, end, self.began, self.walk.pending)

    def _end(self, ctx: TaskContext, result: str, text: str, notes: tuple[str, ...]) -> record.StepEnd:
        return record.StepEnd(
            key=self.key,
            label=self.step.label,
            from_status=self.vm.vm_status,
            to_status=self.step.status or self.vm.vm_status,
            result=result,
            text=text,
            notes=(*ctx.notes, *notes),
        )

    def _good_end(self, ctx: TaskContext, outcome: Done | Skip) -> record.StepEnd:
        why = outcome.why if isinstance(outcome, Skip) else ""
        return self._end(ctx, "skip" if isinstance(outcome, Skip) else "success", why, outcome.notes)

    def _succeed(self, ctx: TaskContext, outcome: Done | Skip) -> WorkItem | None:
        """Commit the good end of a step, and with the last one that of the request; returns the row after it.

        None: nothing follows, and the claim is released.
        """
        last = self.index + 1 == len(self.pipeline.steps)
        changes = dict(ctx.changes)
        status = changes.pop("vm_status", None) or self.step.status or self.vm.vm_status
        flow = {} if last else self._onward(ctx)
        claims.write(
            self.claim,
            **changes,
            vm_status=status,
            flow=flow,
            due_in=0,
            **NOT_WAITING,
            error="",
            error_since=None,
        )
        for work in ctx.at_end:
            work()
        record.mark_waiting(self.run, waiting=False)
        self._record(self._good_end(ctx, outcome))
        if last or ctx.flow.get("slot"):
            limits.release(self.vm)
        if last:
            record.end_run(self.vm, self.run, "success", status)
            idle = self.walker.catalog.of_status(status) is None
            if idle:
                requests.end_running(self.vm.id, "done")
            self._withdraw_if_gone(status)
            if idle and not requests.any_queued(self.vm.id):
                claims.park(self.claim, due_at=None)
                return None
        return replace(
            self.vm,
            vmid=changes.get("vmid", self.vm.vmid),
            node=changes.get("node", self.vm.node),
            vm_status=status,
            flow=flow,
            wait_kind="",
            wait_node="",
            waiting_since=None,
            error_since=None,
        )

    def _onward(self, ctx: TaskContext) -> dict[str, Any]:
        """The flow for the next step: what this one remembered, without what concerned it alone."""
        flow = {key: value for key, value in ctx.flow.items() if key not in _OWN_TO_A_STEP}
        flow["reached"] = self.index + 1
        return flow

    def _fail(self, ctx: TaskContext, failure: Fail) -> None:
        """Commit a failure: vm_status stays, the reason is visible, and the step is retried when it may be."""
        error = redact.redact(self._advised(failure.error))
        status = self.vm.vm_status
        flow = {key: value for key, value in ctx.flow.items() if key not in _OWN_TO_A_STEP}
        final = failure.final and bool(self.pipeline.failed_status)
        if final:
            status, flow = self.pipeline.failed_status, {}
        changes: dict[str, Any] = {"error": error, "error_since": self.vm.error_since or now_ms()}
        retry = self.pipeline.retry and not final
        if not self.pipeline.retry:  # a command that failed is over: its run says why, the VM is not stuck
            flow, changes = {}, {}
        retry_ms = self.walker.retry_ms() if retry else 0
        claims.park(
            self.claim,
            **{**ctx.changes, "vm_status": status},
            flow=flow,
            **({"due_at": None} if retry_ms is None else {"due_in": retry_ms}),
            **NOT_WAITING,
            **changes,
        )
        self._record(self._end(ctx, "error", error, failure.notes))
        limits.release(self.vm)
        record.end_run(self.vm, self.run, "error", status, error)
        if retry:
            requests.hold(self.vm.id, error)
        else:
            requests.end_running(self.vm.id, "failed", error)
            self._withdraw_if_gone(status)

    def _withdraw_if_gone(self, status: str) -> None:
        """Nothing that is still queued may touch a VM that has reached its end."""
        if status in GONE:
            requests.withdraw(self.vm.id, f"the VM is at ({status})")

    def _advised(self, error: str) -> str:
        """The reason, and what the pipeline suggests to do next."""
        advice = self.pipeline.advice
        return f"{error.rstrip('. ')}. {advice}" if advice else error
