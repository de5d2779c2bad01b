"""Whether what was asked of a VM has come to an end."""

from __future__ import annotations

from dataclasses import dataclass

from engine.store.database import session
from engine.store.models import Run, Vm
from engine.work.catalog import AT_REST


@dataclass(frozen=True, slots=True)
class Progress:
    """How a VM stands with what was asked of it."""

    over: bool
    failed: bool
    vm_status: str
    why: str = ""


def progress(vm_id: int, since: int) -> Progress:
    """Over when the VM rests with an empty queue, or when its step failed and waits for the next tick.

    `since` is the moment of the request; a failure before it does not count.
    """
    with session():
        vm = Vm.get_or_none(Vm.id == vm_id)
        if vm is None:
            return Progress(True, False, "", "its record was deleted")
        if Run.select().where(Run.vm == vm_id, Run.live == 1).exists():
            return Progress(False, False, vm.vm_status, vm.wait_why)
        last = Run.select().where(Run.vm == vm_id, Run.finished_at >= since).order_by(Run.id.desc()).first()
    if last is not None and last.result == "error":
        return Progress(True, True, vm.vm_status, last.error)
    if vm.vm_status in AT_REST and not vm.flow.get("pipeline") and not vm.requests:
        return Progress(True, vm.vm_status == "error_terminate", vm.vm_status, vm.error)
    return Progress(False, False, vm.vm_status, vm.wait_why)
