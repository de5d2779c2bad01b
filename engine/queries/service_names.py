"""Names of VMs by the ids of their services, for log lines."""

from __future__ import annotations

from collections.abc import Sequence

from engine.store.database import session
from engine.store.models import Vm

_AT_ONCE = 500


def names_of_services(service_ids: Sequence[int]) -> dict[int, str]:
    """The names of these services' VMs; a service without a name is left out."""
    found: dict[int, str] = {}
    with session():
        for start in range(0, len(service_ids), _AT_ONCE):
            some = list(service_ids[start : start + _AT_ONCE])
            found |= {
                service: name
                for service, name in Vm.select(Vm.service, Vm.name).where(Vm.service.in_(some)).tuples()
                if name
            }
    return found
