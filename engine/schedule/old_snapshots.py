"""removeOldSnapshots: asks the VMs that hold snapshots of ours past their plan's lifetime to drop them.

The same tick begins the snapshots that are due by a schedule: what comes and what goes is one task's.
"""

from __future__ import annotations

from functools import partial

from engine.actions.packages import applied
from engine.actions.requests import enqueue
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.pipelines.steps.snapshots import DAY_MS
from engine.schedule import snapshots_due
from engine.store.database import in_transaction, session
from engine.store.models import Snapshot, Vm
from engine.work import wake
from engine.work.task import TaskReport, TaskResources

_ENGINE = Actor(login="engine", ssh_client="", source="engine")


def run(resources: TaskResources) -> TaskReport:
    """One request for each VM with something to remove or to take; the runner does it."""
    report = TaskReport()
    snapshots_due.begin(resources, report)
    with session():
        for vm in _with_old():
            if not resources.keep_going():
                break
            try:
                in_transaction(partial(_ask, vm))
                report.add(vm.service_id, "remove_old_snapshots", "success")
            except Refused as refusal:
                report.add(vm.service_id, "remove_old_snapshots", refusal.sentence)
    resources.begin()
    return report


def _with_old() -> list[Vm]:
    """Idle VMs whose oldest snapshot of ours is older than the product allows."""
    now = now_ms()
    query = Vm.select().where(Vm.vm_status == "ready", Vm.id.in_(Snapshot.select(Snapshot.vm)))
    return [vm for vm in query if _is_due(vm, now)]


def _is_due(vm: Vm, now: int) -> bool:
    days = applied(vm).snapshot_lifetime
    if days <= 0 or vm.flow.get("pipeline"):
        return False
    return bool(Snapshot.select().where(Snapshot.vm == vm.id, Snapshot.at < now - days * DAY_MS).exists())


def _ask(vm: Vm) -> None:
    enqueue(vm, "RemoveOldSnapshots", _ENGINE)
    wake.notify()
