"""Walks one claimed VM along its pipeline until it is idle, must wait, or fails.

No state of a walk is kept in memory only: after a crash at any point, the next claim continues from the database and
the cluster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from engine.store.database import in_transaction, session, urgent
from engine.work import claims, item, record, requests
from engine.work.catalog import Catalog
from engine.work.claims import Claim, LeaseLost
from engine.work.context import TaskContext
from engine.work.item import WorkItem
from engine.work.model import Pipeline
from engine.work.progress import Walk
from engine.work.record import RunRow
from engine.work.servers import Servers
from engine.work.step_attempt import NOT_WAITING, StepAttempt

log = logging.getLogger(__name__)
RETRY_MS = 60_000


class ContextFactory(Protocol):
    """Builds the context of a step from what a walk knows."""

    def __call__(self, item: WorkItem, **given: Any) -> TaskContext:
        """The context of one attempt."""
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
        """Work on a claimed VM; always releases the claim. `moved` is called when a further step begins."""
        walk, released = Walk(claim), False
        try:
            with session():
                while not self.stopping():
                    if released := not self._advance(claim, walk):
                        break
                    moved(claim.vm_id)
                walk.commit_pending()
        except LeaseLost:
            log.info("VM %s was taken over; this worker stops", claim.vm_id)
        finally:
            if not released:
                claims.release(claim)

    def _advance(self, claim: Claim, walk: Walk) -> bool:
        """Take one step; False when there is nothing more to do now: the commit that ended the work released the claim.

        Rows that the walk itself committed are not read again: any other writer raises the fence.
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
        return StepAttempt(self, walk, vm, run, pipeline, index).take()

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
            claims.park(claim, due_at=None, **NOT_WAITING)
            return None
        pipeline = self.catalog.named(request.pipeline)
        flow: dict[str, Any] = {
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
