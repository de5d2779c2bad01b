"""The state of a VM: the values that decide which actions are allowed, and the cell that shows it."""

from __future__ import annotations

from engine.queries.allowed import VmState
from engine.queries.vms import VmView
from engine.work.catalog import AT_REST
from screens.common.times import age
from screens.widgets.rows import Cell


def state_of(view: VmView) -> VmState:
    """The values that decide which actions are allowed."""
    return VmState(view.name or str(view.service_id), view.vm_status, view.service_status)


def status(view: VmView) -> Cell:
    """The status as sign, word and colour; `below` is the detail that is shown where there is room."""
    if view.error or view.vm_status == "error_terminate":
        return Cell(f"! {view.vm_status}", "error", f"stuck {age(view.error_since)}")
    if view.vm_status == "remove":
        return Cell("x remove", "muted")
    if view.waiting:
        return Cell(f"~ {view.vm_status}", "busy", "waiting")
    if view.vm_status in AT_REST:
        return Cell(f"+ {view.vm_status}", "ok", view.remote_status)
    return Cell(f"> {view.vm_status}", "busy", "working")
