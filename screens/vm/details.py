"""One reading of a machine: what its page and each of its tabs start from."""

from __future__ import annotations

from dataclasses import dataclass

from engine.queries.notes import notes_of
from engine.queries.refs import vm_id_of_service
from engine.queries.runs import RunView, runs
from engine.queries.site import ServiceView, services
from engine.queries.suspension import Suspension, suspension_of
from engine.queries.traffic import MonthView, newest_months
from engine.queries.vms import VmView, vms

RUNS = 20
MONTHS = 2


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of a machine."""

    vm: VmView
    service: ServiceView
    runs: tuple[RunView, ...]
    notes: str
    suspension: Suspension | None
    traffic: tuple[MonthView, ...]


def known(service_id: int) -> Known:
    """Reads a machine, its service and its last runs; refused when it is gone."""
    vm_id = vm_id_of_service(service_id)
    return Known(
        vms([vm_id])[0],
        services(service_id)[0],
        tuple(runs(vm_id, limit=RUNS)),
        notes_of(service_id),
        suspension_of(service_id),
        tuple(newest_months(service_id, MONTHS)),
    )
