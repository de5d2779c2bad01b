"""What the plan of a VM allows after its deploy, and what waits for its turn at it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.actions.packages import applied
from engine.actions.requests import vm_of
from engine.store.database import session
from engine.work.requests import queue_of


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a VM may have by its plan, and whether there is a VM to have it."""

    product: str
    vm_status: str
    exists: bool
    snapshots: int
    snapshot_lifetime: int
    backups: int
    backup_storage: str
    iso_storage: str
    queue: tuple[str, ...]
    """The actions that are queued, the next one first."""


def allowance(service_id: int) -> Allowance:
    """The allowance of the VM as it is now; a change that waits for change-package does not count yet."""
    with session():
        vm = vm_of(service_id)
        plan = applied(vm)
        return Allowance(
            product=vm.service.product.name,
            vm_status=vm.vm_status,
            exists=vm.vmid is not None and bool(vm.node) and vm.vm_status != "remove",
            snapshots=plan.snapshots,
            snapshot_lifetime=plan.snapshot_lifetime,
            backups=plan.backups,
            backup_storage=plan.backup_storage,
            iso_storage=plan.iso_storage,
            queue=tuple(each.action for each in queue_of(vm.id)),
        )
