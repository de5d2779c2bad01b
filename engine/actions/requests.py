"""How an operator's wish reaches a VM: a request in its queue, an audit row, an event, and a ring of the bell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import audit
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.queries.suspension import suspension_of
from engine.store.database import in_transaction
from engine.store.models import Vm
from engine.work import claims, events, limits, record, wake
from engine.work.catalog import AT_REST

MOST_QUEUED = 20
ALONE = ("Backup", "Restore")  # while one of these runs, a VM takes no other wish


@dataclass(frozen=True, slots=True)
class Queued:
    """What was asked for, and what will become of it."""

    service_id: int
    vm_id: int
    action: str
    sentence: str
    after_event: int = 0  # follow the bus from here to see it happen


def vm_of(service_id: int) -> Vm:
    """The VM of a service; refused when there is none."""
    vm = Vm.get_or_none(Vm.service == service_id)
    if vm is None:
        raise Refused(f"Service {service_id} has no VM; create it again, or terminate the service.")
    return vm


def label(vm: Vm) -> str:
    """How sentences call a VM."""
    return f"service {vm.service_id} ({vm.name or 'not named yet'})"


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


def change(
    actor: Actor, vm: Vm, action: str, work: Callable[[], str], reason: str = "", **after: Any
) -> Queued:
    """Do `work` with its audit row and event in one transaction, then wake the engine."""
    seen = events.last_id()

    def all_of_it() -> str:
        before = {"vm_status": vm.vm_status, "service_status": vm.service.status}
        sentence = work()
        audit.record(
            actor, action, "vm", str(vm.service_id), vm.name, before=before, after=after, reason=reason
        )
        wake.ring()
        events.publish("change", vm=vm.id, service=vm.service_id, data={"action": action})
        return sentence

    return Queued(vm.service_id, vm.id, action, in_transaction(all_of_it), seen)


def enqueue(vm: Vm, pipeline: str, actor: Actor, args: dict[str, Any] | None = None, action: str = "") -> str:
    """Put a request behind those that wait already; the same wish twice is one."""
    fresh = Vm.get_by_id(vm.id)
    if (busy := fresh.flow.get("pipeline")) in ALONE:
        raise Refused(f"{busy} runs at {label(vm)}; nothing else may be asked of it until that has ended.")
    asked = {"pipeline": pipeline, "action": action or pipeline, "args": args or {}}
    waiting = [{key: one.get(key) for key in asked} for one in fresh.requests]
    if asked in waiting:
        return f"{action or pipeline} already waits for its turn at {label(vm)}."
    if len(waiting) >= MOST_QUEUED:
        raise Refused(
            f"{MOST_QUEUED} requests wait for {label(vm)} already; let them end or reset the VM first."
        )
    request = asked | {"by": actor.login, "at": now_ms()}
    changes: dict[str, Any] = {"requests": [*fresh.requests, request], "revision": Vm.revision + 1}
    if _rests(fresh):
        changes["due_at"] = now_ms()
    Vm.update(changes).where(Vm.id == vm.id).execute()
    return _what_next(fresh, action or pipeline)


def _rests(vm: Vm) -> bool:
    return vm.vm_status in AT_REST and not vm.flow.get("pipeline")


def _what_next(vm: Vm, action: str) -> str:
    if vm.requests:
        return f"{action} is queued for {label(vm)}, behind {len(vm.requests)} other(s)."
    if _rests(vm):
        return f"{action} is queued for {label(vm)}."
    if vm.error:
        return f"{action} is queued for {label(vm)}; it waits for a pipeline stuck at ({vm.vm_status}): {vm.error}"
    return f"{action} is queued for {label(vm)}; it begins when the pipeline at ({vm.vm_status}) has ended."


def put_into(vm: Vm, status: str, flow: dict[str, Any] | None = None, why: str = "") -> None:
    """Set a VM's status by an operator's word: whatever runs is stopped, what waits in the queue is dropped."""
    claims.take_over(vm.id)
    run = record.live_run(vm)
    if run is not None:
        record.end_run(vm, run, "error", vm.vm_status, why or f"replaced: an operator set {status}")
    rests = status in AT_REST and not flow
    Vm.update(
        vm_status=status,
        flow=flow or {},
        requests=[],
        due_at=None if rests else now_ms(),
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
    limits.give_back(vm)
    events.publish("vm", vm=vm.id, service=vm.service_id, data={"vm_status": status})
