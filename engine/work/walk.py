"""Walks one claimed VM along its pipeline until it is at rest, must wait, or fails.

Nothing of a walk lives in memory only: killed anywhere, the next claim goes on from the database and from
what the cluster says.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import redact
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.pipelines.context import Context
from engine.plan import Plan, effective
from engine.proxmox.faults import Kind, ProxmoxError
from engine.proxmox.mark import Mark
from engine.store.database import in_transaction, session
from engine.store.models import Run, Vm
from engine.work import claims, events, limits, record, servers
from engine.work.catalog import Catalog
from engine.work.claims import Claim, LeaseLost
from engine.work.journal import Journal
from engine.work.model import Again, Done, Fail, Outcome, Pipeline, Skip, Step, Wait
from engine.work.ports import Ports
from engine.work.reconcile import settle
from engine.work.servers import Servers

log = logging.getLogger(__name__)
MOST_LOOKS = 8  # a step that changes something each time it looks does not converge
FLEETING_TRIES = 3  # how often a passing trouble is looked past before it fails the step
LONGEST_PARK_MS = 60_000  # a lost wake-up costs a minute, never a VM
_AT_TICK = None  # due_at of a failed step: the next tick of processVirtualMachines sets it


@dataclass(slots=True)
class Walker:
    """Everything a walk needs besides its VM."""

    catalog: Catalog
    servers: Servers
    ports: Ports
    instance: str
    stopping: Callable[[], bool] = lambda: False

    def walk(self, claim: Claim) -> None:
        """Work on a claimed VM; always gives the claim back."""
        try:
            kept: dict[str, Any] = {}
            with session():
                while not self.stopping() and self._advance(claim, kept):
                    pass
        except LeaseLost:
            log.info("VM %s was taken over; this worker stops", claim.vm_id)
        finally:
            claims.release(claim)

    def _advance(self, claim: Claim, kept: dict[str, Any]) -> bool:
        """Take one step; False when there is nothing more to do now."""
        vm = Vm.get_by_id(claim.vm_id)
        pipeline = self._pipeline(vm)
        if pipeline is None:
            return self._next_request(claim, vm)
        index = pipeline.position(vm.vm_status, int(vm.flow.get("reached", 0)))
        run = record.live_run(vm) or in_transaction(lambda: self._open_run(claim, vm, pipeline))
        walk = _Look(self, claim, vm, run, pipeline, pipeline.steps[index], index)
        return walk.take(kept)

    def _pipeline(self, vm: Vm) -> Pipeline | None:
        name = vm.flow.get("pipeline")
        return self.catalog.named(name) if name else self.catalog.of_status(vm.vm_status)

    def _open_run(self, claim: Claim, vm: Vm, pipeline: Pipeline) -> Run:
        claims.write(claim)
        return record.start_run(vm, vm.flow.get("action") or pipeline.name, vm.flow.get("request") or {})

    def _next_request(self, claim: Claim, vm: Vm) -> bool:
        """Begin the oldest request of a VM that is at rest, or let it rest."""

        def work() -> bool:
            if not vm.requests:
                claims.park(claim, due_at=None, wait_kind="", wait_why="", wait_upid="", waiting_since=None)
                return False
            request, rest = vm.requests[0], vm.requests[1:]
            pipeline = self.catalog.named(request["pipeline"])
            flow = {
                "pipeline": pipeline.name,
                "action": request.get("action") or pipeline.name,
                "args": request.get("args") or {},
                "request": {key: request[key] for key in ("by", "at") if key in request},
            }
            claims.write(claim, requests=rest, flow=flow, vm_status=pipeline.start or vm.vm_status)
            return True

        return in_transaction(work)


class _Look:
    """One step of one VM: observe, act, look again, then commit how it ended."""

    def __init__(
        self, walker: Walker, claim: Claim, vm: Vm, run: Run, pipeline: Pipeline, step: Step, index: int
    ) -> None:
        self.walker, self.claim, self.vm, self.run = walker, claim, vm, run
        self.pipeline, self.step, self.index = pipeline, step, index
        self.began = vm.flow.get("began") or now_ms()
        self.key = step.status or f"{pipeline.name}.{index + 1}"

    def take(self, kept: dict[str, Any]) -> bool:
        """Run the step and commit its end; True when the next step may follow at once."""
        ctx = self._context(kept)
        with self.walker.servers.recording(ctx.journal):
            outcome = self._outcome(ctx)
        if isinstance(outcome, Wait):
            self._park(ctx, outcome)
            return False
        if isinstance(outcome, Fail):
            in_transaction(lambda: self._fail(ctx, outcome))
            return False
        return in_transaction(lambda: self._succeed(ctx, outcome))

    def _context(self, kept: dict[str, Any]) -> Context:
        vm = self.vm
        journal = Journal(self.claim, vm.server_id)
        journal.run_id, journal.step, journal.step_label = self.run.id, self.key, self.step.label
        args = vm.flow.get("args") or {}
        return Context(
            claim=self.claim,
            vm=vm,
            run=self.run,
            plan=self._plan(args),
            cluster=self.walker.servers.cluster(vm.server),
            mark=Mark(self.walker.instance, vm.uid),
            journal=journal,
            ports=self.walker.ports,
            args=args,
            kept=kept,
            flow=dict(vm.flow),
        )

    def _plan(self, args: dict[str, Any]) -> Plan:
        service = self.vm.service
        return effective(service.product.spec, service.options)

    def _outcome(self, ctx: Context) -> Outcome:
        """The step's end, with every trouble turned into one."""
        for _ in range(MOST_LOOKS):
            try:
                outcome = self._look(ctx)
            except ProxmoxError as error:
                servers.missed(self.vm.server, error)
                outcome = self._trouble(ctx, error)
            except KvmtuiError as error:
                outcome = Fail(error.sentence)
            except LeaseLost:
                raise
            except Exception as error:
                log.exception("Step “%s” of service %s broke", self.step.label, self.vm.service_id)
                kind = type(error).__name__
                outcome = Fail(
                    f"a fault of kvmtui itself ({kind}: {redact.redact(str(error))}); see its log file"
                )
            if not isinstance(outcome, Again):
                return outcome
        return Fail("the change was made several times, but it does not show; something else may undo it")

    def _look(self, ctx: Context) -> Outcome:
        if not self.step.needs_guest:
            return self.step.run(ctx)
        if reason := servers.why_not(self.vm.server, self.vm.node):
            return Wait("server", reason)
        settled = settle(ctx.cluster, self.vm.id, self.key)
        for note in settled.notes:
            ctx.note(note)
        if settled.wait:
            if settled.wait.on == "task" and self.step.meanwhile:
                return self.step.meanwhile(ctx, settled.wait)
            return settled.wait
        ctx.failed, ctx.failed_kind = settled.failed, settled.failed_kind
        outcome = self.step.run(ctx)
        servers.reached(self.vm.server)
        return outcome

    def _trouble(self, ctx: Context, error: ProxmoxError) -> Outcome:
        """What a failed call means for the step."""
        if error.kind is Kind.BUSY:
            return Wait("lock", error.sentence, seconds=3 + random.random() * 4)
        if error.kind is Kind.AMBIGUOUS:
            return Wait("time", error.sentence, seconds=1)
        if reason := servers.why_not(self.vm.server):
            return Wait("server", reason)
        tries = int(ctx.flow.get("fleeting", 0)) + 1
        if error.kind is Kind.TRANSIENT and tries < FLEETING_TRIES:
            ctx.remember(fleeting=tries)
            return Wait("time", error.sentence, seconds=2.0 * tries)
        return Fail(error.sentence)

    def _park(self, ctx: Context, wait: Wait) -> None:
        now = now_ms()
        longest = LONGEST_PARK_MS if wait.on in ("task", "turn", "server") else 10_000
        pause = int(wait.seconds * 1000) or longest
        node = wait.key or wait.node or (wait.upid.split(":")[1] if wait.upid else "")
        same = self.vm.wait_kind == wait.on and self.vm.wait_node == node
        since = self.vm.waiting_since if same and self.vm.waiting_since else now
        flow = {**ctx.flow, "began": self.began}

        def work() -> None:
            claims.park(
                self.claim,
                **ctx.changes,
                flow=flow,
                due_at=now + pause,
                wait_kind=wait.on,
                wait_upid=wait.upid,
                wait_node=node,
                wait_why=redact.redact(wait.why),
                waiting_since=since,
            )
            record.mark_waiting(self.run, waiting=True)
            record.step(self.vm, self.run, self._end(ctx, "waiting", wait.why, wait.notes), self.began)

        in_transaction(work)

    def _end(self, ctx: Context, result: str, text: str, notes: tuple[str, ...]) -> record.StepEnd:
        return record.StepEnd(
            key=self.key,
            label=self.step.label,
            from_status=self.vm.vm_status,
            to_status=self.step.status or self.vm.vm_status,
            result=result,
            text=text,
            notes=(*ctx.notes, *notes),
        )

    def _succeed(self, ctx: Context, outcome: Done | Skip | Again | Wait | Fail) -> bool:
        """Commit the good end of a step; True while the pipeline goes on."""
        assert isinstance(outcome, Done | Skip)
        last = self.index + 1 == len(self.pipeline.steps)
        status = ctx.changes.pop("vm_status", None) or self.step.status or self.vm.vm_status
        flow = {} if last else self._onward(ctx)
        for work in ctx.at_end:
            work()
        claims.write(
            self.claim,
            **ctx.changes,
            vm_status=status,
            flow=flow,
            due_at=now_ms(),
            wait_kind="",
            wait_upid="",
            wait_node="",
            wait_why="",
            waiting_since=None,
            error="",
            error_since=None,
        )
        why = outcome.why if isinstance(outcome, Skip) else ""
        result = "skip" if isinstance(outcome, Skip) else "success"
        record.mark_waiting(self.run, waiting=False)
        record.step(self.vm, self.run, self._end(ctx, result, why, outcome.notes), self.began)
        limits.give_back(self.vm)
        if last:
            self.vm.vm_status = status
            record.end_run(self.vm, self.run, "success", status)
        events.publish("vm", vm=self.vm.id, service=self.vm.service_id, data={"vm_status": status})
        return True

    def _onward(self, ctx: Context) -> dict[str, Any]:
        """The flow for the next step: what this one remembered, without its own stopwatch."""
        flow = {key: value for key, value in ctx.flow.items() if key not in ("began", "fleeting")}
        flow["reached"] = self.index + 1
        return flow

    def _fail(self, ctx: Context, failure: Fail) -> None:
        """Commit a failure: vm_status stays, the reason is visible, the next tick tries this step again."""
        error = redact.redact(self._advised(failure.error))
        status = self.vm.vm_status
        flow = {key: value for key, value in ctx.flow.items() if key not in ("began", "fleeting")}
        if failure.final and self.pipeline.failed_status:
            status, flow = self.pipeline.failed_status, {}
        retry = self.pipeline.retry and not (failure.final and flow == {})
        stuck = {"error": error, "error_since": self.vm.error_since or now_ms()}
        if not self.pipeline.retry:  # a command that failed is over: its run tells why, the VM is not stuck
            flow, stuck = {}, {}
        claims.park(
            self.claim,
            **{**ctx.changes, "vm_status": status},
            flow=flow,
            due_at=_AT_TICK if retry or not self.vm.requests else now_ms(),
            wait_kind="",
            wait_upid="",
            wait_node="",
            wait_why="",
            waiting_since=None,
            **stuck,
        )
        record.step(self.vm, self.run, self._end(ctx, "error", error, failure.notes), self.began)
        limits.give_back(self.vm)
        record.end_run(self.vm, self.run, "error", status, error)
        events.publish(
            "vm", vm=self.vm.id, service=self.vm.service_id, data={"vm_status": status, "error": error}
        )

    def _advised(self, error: str) -> str:
        """The reason, and what the pipeline has to say about going on."""
        advice = self.pipeline.advice
        return f"{error.rstrip('. ')}. {advice}" if advice else error
