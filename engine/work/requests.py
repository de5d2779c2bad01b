"""Requests as rows: what was promised about a VM, in the order it was requested, until it has ended exactly once.

Whoever adds, begins or ends requests of a VM locks the VM's row first (`claims.write` or `lock`), so that a worker
that finds an empty queue and lets the VM rest cannot miss a request that is being added.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.clock import now_ms
from engine.errors import NotFound
from engine.redact import redact
from engine.store.database import execute, now_expression
from engine.store.models import Request, Vm

OPEN = ("queued", "running")


def lock(vm_id: int) -> Vm:
    """The VM's row as it is now, held until the transaction ends; refused when somebody else deleted it."""
    Vm.update(revision=Vm.revision + 1).where(Vm.id == vm_id).execute()
    vm: Vm | None = Vm.get_or_none(Vm.id == vm_id)
    if vm is None:
        raise NotFound("The record of this VM was deleted in between. Nothing was changed.")
    return vm


def add(
    vm: Vm,
    pipeline: str,
    *,
    action: str = "",
    args: dict[str, Any] | None = None,
    login: str = "",
    source: str = "",
    running: bool = False,
) -> int:
    """Promise something about a VM whose row is locked, and make the VM due; returns the request's number.

    `running` is for what takes effect at once, as a reset does: the VM's next run works for it.
    """
    number = Request.insert(
        vm=vm.id,
        service=vm.service_id,
        pipeline=pipeline,
        action=action or pipeline,
        args=args or {},
        login=login,
        source=source,
        state="running" if running else "queued",
        requested_at=now_ms(),
    ).execute()
    Vm.update(due_at=now_expression()).where(Vm.id == vm.id, Vm.due_at.is_null()).execute()
    return int(number)


def add_deploys(service_ids: Sequence[int], login: str, source: str) -> None:
    """Promise the first deploy of new VMs, which begin with it at once."""
    marks = ", ".join("?" * len(service_ids))
    execute(
        "INSERT INTO request (vm, service, pipeline, action, args, login, source, state, error, requested_at) "
        "SELECT id, service_id, 'Deploy', 'Deploy', '{}', CAST(? AS TEXT), CAST(? AS TEXT), 'running', '', "
        f"now_ms() FROM vm WHERE service_id IN ({marks}) ORDER BY id",
        login,
        source,
        *service_ids,
    )


def queue_of(vm_id: int) -> list[Request]:
    """What waits for a VM, the next first."""
    return list(Request.select().where(Request.vm == vm_id, Request.state == "queued").order_by(Request.id))


def open_of(vm_id: int) -> list[Request]:
    """The requests of a VM that have not ended: the running one and the queue."""
    return list(Request.select().where(Request.vm == vm_id, Request.state.in_(OPEN)).order_by(Request.id))


def any_queued(vm_id: int) -> bool:
    """Whether something waits for the VM."""
    found = execute("SELECT 1 FROM request WHERE vm = ? AND state = 'queued' LIMIT 1", vm_id)
    return found.fetchone() is not None


@dataclass(frozen=True, slots=True)
class Begun:
    """A request that a VM has begun to work on."""

    pipeline: str
    action: str
    args: dict[str, Any]
    login: str
    requested_at: int


def begin_next(vm_id: int) -> Begun | None:
    """Claim the oldest queued request for the caller, who holds the VM; None when the queue is empty."""
    row = execute(
        "UPDATE request SET state = 'running', started_at = ? WHERE id = "
        "(SELECT id FROM request WHERE vm = ? AND state = 'queued' ORDER BY id LIMIT 1) AND state = 'queued' "
        "RETURNING pipeline, action, args, login, requested_at",
        now_ms(),
        vm_id,
    ).fetchone()
    return Begun(row[0], row[1], json.loads(row[2]), row[3], row[4]) if row else None


def attach_run(number: int, run_id: int) -> None:
    """Note that a run works for this request."""
    execute(
        "UPDATE request SET run = ?, error = '', started_at = COALESCE(started_at, ?) WHERE id = ?",
        run_id,
        now_ms(),
        number,
    )


def hold(vm_id: int, why: str) -> None:
    """The step of the running request failed and is being retried: it has not ended."""
    execute("UPDATE request SET error = ? WHERE vm = ? AND state = 'running'", redact(why), vm_id)


def end_running(vm_id: int, state: str, error: str = "") -> None:
    """End what the VM works on, if anything: done or failed."""
    execute(
        "UPDATE request SET state = ?, error = ?, ended_at = ? WHERE vm = ? AND state = 'running'",
        state,
        redact(error),
        now_ms(),
        vm_id,
    )


def withdraw(vm_id: int, why: str) -> int:
    """End everything open of a VM because an operator replaced it; returns how many that were."""
    return int(
        Request.update(state="withdrawn", error=redact(why), ended_at=now_ms())
        .where(Request.vm == vm_id, Request.state.in_(OPEN))
        .execute()
    )
