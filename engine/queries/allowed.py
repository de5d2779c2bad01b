"""Whether an action makes sense for a VM as it is listed: asked before the operator is asked anything.

The guards of `engine.actions` decide; these sentences only spare the operator a question that ends in a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass

GONE = ("remove",)
ENDING = ("terminate", "error_terminate")
_ENDED = ("Terminated", "Cancelled")
_STARTS = ("start", "reboot", "reinstall", "redeploy")
_NEEDS_VM = ("start", "stop", "shutdown", "reboot", "reinstall", "dns", "step")


@dataclass(frozen=True, slots=True)
class VmState:
    """What the guards look at."""

    name: str
    vm_status: str
    service_status: str


def why_not(vm: VmState, action: str) -> str | None:
    """Why an action would be refused, as a sentence; None when it would be accepted."""
    return _of_status(vm, action) or _of_service(vm, action)


def _of_status(vm: VmState, action: str) -> str | None:
    status = vm.vm_status
    if action in _NEEDS_VM and status in GONE:
        return f"{vm.name} is removed; only its record is left."
    if action in _NEEDS_VM and status in ENDING:
        return f"{vm.name} is being terminated ({status}). Reset it first if that was a mistake."
    if action == "start" and status != "ready":
        return f"{vm.name} is not ready ({status}); its pipeline starts it."
    if action == "redeploy" and status == "ready":
        return f"{vm.name} is ready; redeploy is for VMs that are not. Use reinstall (I)."
    if action == "delete_record" and status not in ("remove", "error_terminate"):
        return f"{vm.name} is at {status}; its record can be deleted once it is removed."
    if action == "terminate" and status == "remove":
        return f"{vm.name} is removed already."
    if action == "terminate" and status == "terminate":
        return f"{vm.name} is being terminated already; l shows its log."
    if action == "package" and status in (*GONE, *ENDING):
        return f"{vm.name} is at {status}; its product cannot be changed."
    return None


def _of_service(vm: VmState, action: str) -> str | None:
    status = vm.service_status
    if action == "redeploy" and status in _ENDED:
        return f"The service of {vm.name} is {status}; create a new one instead."
    if action in _STARTS and status == "Suspended":
        return f"The service of {vm.name} is suspended; unsuspend it (Z) first."
    if action == "suspend" and status != "Active":
        return f"The service of {vm.name} is {status}; only an Active service can be suspended."
    if action == "unsuspend" and status != "Suspended":
        return f"The service of {vm.name} is {status}, not suspended."
    if action == "package" and status not in ("Active", "Pending"):
        return f"The service of {vm.name} is {status}; its product cannot be changed."
    return None
