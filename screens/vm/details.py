"""One reading of a VM: what its page and each of its tabs start from."""

from __future__ import annotations

from dataclasses import dataclass

from engine.queries.inventory import ServiceView, services
from engine.queries.notes import notes_of
from engine.queries.quota import QuotaView, quota_of
from engine.queries.refs import vm_id_of_service
from engine.queries.runs import RunView, runs
from engine.queries.suspension import Suspension, suspension_of
from engine.queries.traffic import MonthView, newest_months
from engine.queries.vms import VmView, vms

RUNS = 20
MONTHS = 2


@dataclass(frozen=True, slots=True)
class VmDetails:
    """What the database knows of a VM."""

    vm: VmView
    service: ServiceView
    runs: tuple[RunView, ...]
    notes: str
    suspension: Suspension | None
    traffic: tuple[MonthView, ...]
    quota: QuotaView | None = None


def known(service_id: int) -> VmDetails:
    """Reads a VM, its service and its last runs; refused when it is gone."""
    vm_id = vm_id_of_service(service_id)
    return VmDetails(
        vms([vm_id])[0],
        services(service_id)[0],
        tuple(runs(vm_id, limit=RUNS)),
        notes_of(service_id),
        suspension_of(service_id),
        tuple(newest_months(service_id, MONTHS)),
        quota_of(service_id),
    )
