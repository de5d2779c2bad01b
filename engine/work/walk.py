"""Walks one claimed VM along its pipeline until it is idle, must wait, or fails.

No state of a walk is kept in memory alone: killed anywhere, the next claim continues from the database and from
what the cluster says.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from engine import redact
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.proxmox.faults import FaultKind, ProxmoxError
from engine.store.database import fenced, in_transaction, session, urgent
from engine.work import claims, item, limits, outages, quorum, record, requests, servers
from engine.work.catalog import GONE, Catalog
from engine.work.claims import Claim, LeaseLost
from engine.work.context import TaskContext
from engine.work.item import WorkItem
from engine.work.journal import Journal
from engine.work.model import Again, Done, Fail, Outcome, Pipeline, PipelineStep, Skip, Wait
from engine.work.reconcile import reconcile
from engine.work.record import RunRow
from engine.work.servers import Servers

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
MOST_LOOKS = 12  # at one step in one walk: more than any step needs, see engine.work.journal for calls
TRANSIENT_TRIES = 3  # how often a transient failure is retried before it fails the step
QUORUM_TRIES = 6  # the same while a cluster refuses changes for want of quorum but reports that it has it
UNKNOWN_S = 5.0  # until the cluster is asked again what became of a call
LONGEST_PARK_MS = 60_000  # a lost wake-up costs a minute, never a VM
RETRY_MS = 60_000
_NOT_WAITING: dict[str, Any] = {
    "wait_kind": "",
    "wait_upid": "",
    "wait_node": "",
    "wait_why": "",
    "waiting_since": None,
}
_OWN_TO_A_STEP = ("began", "transient", "slot", "ha_since")  # what the flow forgets when a step ends


class ContextFactory(Protocol):
    """Builds what a step of this site's pipelines gets, around what the kernel gives it."""

    def __call__(self, item: WorkItem, **given: Any) -> TaskContext:
        """The context of one look."""
        ...


@dataclass(slots=True)
class Walker:
    """Everything a walk needs besides its VM."""

    catalog: Catalog
    servers: Servers
    contexts: ContextFactory
    stopping: Callable[[], bool] = lambda: False
    retry_ms: Callable[[], int | None] = lambda: RETRY_MS  # None: only an operator's retry

    def walk(self, claim: Claim, moved: Callable[[int], None] = lambda vm_id: None) -> None:
        """Work on a claimed VM; always releases the claim. `moved` hears of every step that begins."""
        try:
            state = Walk()
            with session():
                while not self.stopping() and self._advance(claim, state):
                    moved(claim.vm_id)
        except LeaseLost:
            log.info("VM %s was taken over; this worker stops", claim.vm_id)
        finally:
            claims.release(claim)

    def _advance(self, claim: Claim, walk: Walk) -> bool:
        """Take one step; False when there is nothing more to do now.

        What the walk itself committed is not read again: whoever else changes it raises the fence.
        """
        vm = walk.item or item.read(claim.vm_id)
        if vm is None:
            return False
        pipeline = self._pipeline(vm)
        if pipeline is None:
            with urgent():
                begun = in_transaction(partial(self._next_request, claim))
            walk.item, walk.run = begun or (None, None)
            return begun is not None
        index = pipeline.position(vm.vm_status, int(vm.flow.get("reached", 0)))
        run = walk.run or record.live_run(vm.id)
        run = run or in_transaction(partial(self._open_run, claim, vm, pipeline))
        return _Look(self, claim, vm, run, pipeline, index).take(walk)

    def _pipeline(self, vm: WorkItem) -> Pipeline | None:
        name = vm.flow.get("pipeline")
        return self.catalog.named(name) if name else self.catalog.of_status(vm.vm_status)

    def _open_run(self, claim: Claim, vm: WorkItem, pipeline: Pipeline) -> RunRow:
        claims.check(claim)
        return record.start_run(vm, vm.flow.get("action") or pipeline.name, vm.flow.get("request") or {})

    def _next_request(self, claim: Claim) -> tuple[WorkItem, RunRow] | None:
        """Begin the oldest request of an idle VM and its run, or leave it idle.

        The claim's row is locked first: a request that is being added is either seen here, or makes the VM due.
        """
        claims.check(claim)
        requests.end_running(claim.vm_id, "withdrawn", "an operator changed the VM's record")
        request = requests.begin_next(claim.vm_id)
        if request is None:
            claims.park(claim, due_at=None, **_NOT_WAITING)
            return None
        pipeline = self.catalog.named(request.pipeline)
        flow = {
            "pipeline": pipeline.name,
            "action": request.action,
            "args": request.args,
            "request": {"by": request.login, "at": request.requested_at},
        }
        status = {"vm_status": pipeline.start} if pipeline.start else {}
        claims.write(claim, flow=flow, **status)
        vm = item.read(claim.vm_id)
        assert vm is not None, "its row was just written"
        return vm, record.start_run(vm, request.action or pipeline.name, flow["request"])


@dataclass(slots=True)
class Walk:
    """What one walk over a VM knows from its own commits, and what its steps keep for one another."""

    item: WorkItem | None = None
    run: RunRow | None = None
    kept: dict[str, Any] = field(default_factory=dict)


class _Look:
    """One step of one VM: observe, act, look again, then commit how it ended."""

    def __init__(
        self, walker: Walker, claim: Claim, vm: WorkItem, run: RunRow, pipeline: Pipeline, index: int
    ) -> None:
        self.walker, self.claim, self.vm = walker, claim, vm
        self.run = self.run_before = run
        self.pipeline, self.index = pipeline, index
        self.step: PipelineStep = pipeline.steps[index]
        self.began = vm.flow.get("began") or now_ms()
        self.key = self.step.status or f"{pipeline.name}.{index + 1}"

    def take(self, walk: Walk) -> bool:
        """Run the step and commit its end; True when the next step may follow at once."""
        ctx = self._context(walk.kept)
        with self.walker.servers.recording(ctx.journal):
            outcome = self._outcome(ctx)
        if isinstance(outcome, Wait):
            self._commit(self._park, ctx, outcome)
            return False
        if isinstance(outcome, Fail):
            self._commit(self._fail, ctx, outcome)
            return False
        assert isinstance(outcome, Done | Skip)
        walk.item = self._commit(self._succeed, ctx, outcome)
        walk.run = self.run if walk.item.flow else None
        return True

    def _commit(self, end: Callable[[TaskContext, T], R], ctx: TaskContext, outcome: T) -> R:
        """Write how the step ended, all of it or nothing, from the same start however often it is tried."""

        def work() -> R:
            self.run = replace(self.run_before)
            return end(ctx, outcome)

        return in_transaction(work)

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
        """The step's end, with every error turned into one."""
        for _ in range(MOST_LOOKS):
            try:
                outcome = self._look(ctx)
            except ProxmoxError as error:
                servers.missed(ctx.server, error)
                quorum.hinted(ctx.server, ctx.cluster, error)
                outcome = self._after_error(ctx, error)
            except KvmtuiError as error:
                outcome = Fail(error.sentence)
            except LeaseLost:
                raise
            except Exception as error:
                log.exception("Step “%s” of service %s broke", self.step.label, self.vm.service_id)
                kind = type(error).__name__
                outcome = Fail(f"internal error ({kind}: {redact.redact(str(error))}); see the log file")
            if not isinstance(outcome, Again):
                return outcome
        return Fail(f"the step made {MOST_LOOKS} changes in a row without reaching its goal")

    def _look(self, ctx: TaskContext) -> Outcome:
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
                if reason := quorum.look(ctx.server, ctx.cluster):
                    return Wait("server", reason)
                if wait := self._again_soon(ctx, found.failed, QUORUM_TRIES):
                    return wait
            ctx.failed, ctx.failed_kind = found.failed, found.failed_kind
        with fenced(partial(claims.check, self.claim)):
            outcome = self.step.run(ctx)
        if self.step.needs_guest:
            servers.reached(ctx.server)
        return outcome

    def _unknown(self, ctx: TaskContext, error: ProxmoxError) -> Wait:
        """The wait while the cluster does not say what became of a call: what was sent may be under way."""
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
        record.step(self.vm, self.run, self._end(ctx, "waiting", wait.why, wait.notes), self.began)

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

    def _succeed(self, ctx: TaskContext, outcome: Done | Skip) -> WorkItem:
        """Commit the good end of a step, and with the last one that of the request; returns the row after it."""
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
            **_NOT_WAITING,
            error="",
            error_since=None,
        )
        for work in ctx.at_end:
            work()
        why = outcome.why if isinstance(outcome, Skip) else ""
        result = "skip" if isinstance(outcome, Skip) else "success"
        record.mark_waiting(self.run, waiting=False)
        record.step(self.vm, self.run, self._end(ctx, result, why, outcome.notes), self.began)
        if last or ctx.flow.get("slot"):
            limits.release(self.vm)
        if last:
            record.end_run(self.vm, self.run, "success", status)
            if self.walker.catalog.of_status(status) is None:
                requests.end_running(self.vm.id, "done")
            self._withdraw_if_gone(status)
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
        """The flow for the next step: what this one remembered, without its own stopwatch."""
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
            **_NOT_WAITING,
            **changes,
        )
        record.step(self.vm, self.run, self._end(ctx, "error", error, failure.notes), self.began)
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
