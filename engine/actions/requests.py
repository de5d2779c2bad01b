"""How an operator's request reaches a VM: a row in its queue, an audit row, an event, and a wake-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import audit
from engine.audit import Actor
from engine.clock import now_ms
from engine.counting import counted
from engine.errors import NotFound, Refused
from engine.queries.suspension import suspension_of
from engine.store.database import in_transaction, now_expression
from engine.store.models import Vm
from engine.work import claims, events, limits, record, requests, wake
from engine.work.catalog import AT_REST

MOST_QUEUED = 20
ALONE = ("Backup", "Restore")  # while one of these runs, a VM takes no other request


@dataclass(frozen=True, slots=True)
class Queued:
    """A request that was accepted."""

    service_id: int
    vm_id: int
    action: str
    sentence: str
    after_event: int = 0  # follow the events from here to see it happen
    request_id: int = 0  # the row to follow; 0 when nothing was left to do


def vm_of(service_id: int) -> Vm:
    """The VM of a service; refused when there is none."""
    vm = Vm.get_or_none(Vm.service == service_id)
    if vm is None:
        raise NotFound(f"Service {service_id} has no VM; create it again, or terminate the service.")
    return vm


def label(vm: Vm) -> str:
    """How a VM is called inside a sentence; `subject` begins one."""
    return f"service {vm.service_id} ({vm.name or 'not named yet'})"


def subject(vm: Vm) -> str:
    """How a VM is called at the beginning of a sentence."""
    return f"S{label(vm)[1:]}"


def refuse_suspended(vm: Vm, verb: str) -> None:
    """Refuse what would have the VM of a suspended service run, with the reason of the suspension."""
    if vm.service.status != "Suspended":
        return
    known = suspension_of(vm.service_id)
    why = f" ({known.reason})" if known and known.reason else ""
    raise Refused(
        f"Service {vm.service_id} is suspended{why}; unsuspend it before {verb}: "
        f"kvmtui service unsuspend {vm.service_id}"
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a change answers: its sentence, and the request it made or found."""

    sentence: str
    request_id: int = 0


def change(
    actor: Actor, vm: Vm, action: str, work: Callable[[], Accepted], reason: str = "", **after: Any
) -> Queued:
    """Do `work` with its audit row and event in one transaction, then wake the engine."""
    seen = events.last_id()

    def all_of_it() -> Accepted:
        before = {"vm_status": vm.vm_status, "service_status": vm.service.status}
        accepted = work()
        audit.record(
            actor, action, "vm", str(vm.service_id), vm.name, before=before, after=after, reason=reason
        )
        wake.notify()
        events.publish("change", vm=vm.id, service=vm.service_id, data={"action": action})
        return accepted

    accepted = in_transaction(all_of_it)
    return Queued(vm.service_id, vm.id, action, accepted.sentence, seen, accepted.request_id)


def enqueue(
    vm: Vm, pipeline: str, actor: Actor, args: dict[str, Any] | None = None, action: str = ""
) -> Accepted:
    """Put a request behind those that are queued; the same request twice is one. Inside a transaction."""
    fresh = requests.lock(vm.id)
    if fresh.vm_status == "remove" and pipeline not in ("Suspend", "Unsuspend"):
        raise Refused(f"{subject(vm)} is removed; only its record is left.")
    if (busy := fresh.flow.get("pipeline")) in ALONE:
        raise Refused(f"{busy} is running on {label(vm)}; wait for it to end, then retry.")
    waiting = requests.queue_of(vm.id)
    asked = (pipeline, action or pipeline, args or {})
    for one in waiting:
        if (one.pipeline, one.action, one.args) == asked:
            return Accepted(f"{one.action} is already queued for {label(vm)}.", one.id)
    if len(waiting) >= MOST_QUEUED:
        raise Refused(
            f"{MOST_QUEUED} requests are already queued for {label(vm)}; wait for them to end, or reset the VM first."
        )
    number = requests.add(fresh, pipeline, action=action, args=args, login=actor.login, source=actor.source)
    wake.notify()
    return Accepted(_what_next(fresh, action or pipeline, len(waiting)), number)


def _rests(vm: Vm) -> bool:
    return vm.vm_status in AT_REST and not vm.flow.get("pipeline")


def _what_next(vm: Vm, action: str, ahead: int) -> str:
    if ahead:
        return f"{action} is queued for {label(vm)}, behind {counted(ahead, 'other requests')}."
    if _rests(vm):
        return f"{action} is queued for {label(vm)}."
    if vm.error:
        return f"{action} is queued for {label(vm)}; it waits for a pipeline stuck at ({vm.vm_status}): {vm.error}"
    return f"{action} is queued for {label(vm)}; it begins when the pipeline at ({vm.vm_status}) has ended."


def put_into(
    vm: Vm,
    status: str,
    actor: Actor,
    *,
    pipeline: str = "",
    action: str = "",
    by_flow: bool = False,
    why: str = "",
) -> int:
    """Set a VM's status on an operator's order: what runs is stopped, what is queued is withdrawn.

    `pipeline` is what the VM does next, as a request of its own whose number is returned; `by_flow` starts a
    pipeline that no status stands for. Call it inside a transaction.
    """
    claims.take_over(vm.id)
    reason = why or f"replaced: an operator set {status}"
    run = record.live_run(vm.id)
    if run is not None:
        record.end_run(vm, run, "error", vm.vm_status, reason)
    requests.withdraw(vm.id, reason)
    flow = {}
    if by_flow:
        flow = {"pipeline": pipeline, "action": action or pipeline, "request": {"by": actor.login}}
    rests = status in AT_REST and not flow
    Vm.update(
        vm_status=status,
        flow=flow,
        due_at=None if rests else now_expression(),
        wait_kind="",
        wait_upid="",
        wait_node="",
        wait_why="",
        waiting_since=None,
        error="",
        error_since=None,
        revision=Vm.revision + 1,
        updated_at=now_ms(),
    ).where(Vm.id == vm.id).execute()
    number = 0
    if pipeline:
        number = requests.add(
            vm, pipeline, action=action, login=actor.login, source=actor.source, running=True
        )
    limits.release(vm)
    events.publish("vm", vm=vm.id, service=vm.service_id, data={"vm_status": status})
    return number
