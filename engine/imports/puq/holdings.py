"""An address somebody holds: given to the VM of that service when it is here, else kept for it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Refused
from engine.imports.columns import Shaped
from engine.imports.tables import DumpRow
from engine.ipam import pools
from engine.ipam.allocate import assign_specific
from engine.ipam.spans import parse_address, shortened
from engine.store.models import Address, Pool, Vm

_NOBODY = ("", "0")
_FREE = ("", "0", "free", "available", "no", "false")


@dataclass(frozen=True, slots=True)
class Assigned:
    """A row that says an address is held: which, of which pool, by which service."""

    address: str
    pool: str
    service: str

    @classmethod
    def of(cls, shaped: Shaped, line: DumpRow) -> Assigned | None:
        """The row as a holding; None when it lists a free address."""
        service = shaped.value(line, "service")
        tells_users = "service" in shaped.columns
        tells_status = "status" in shaped.columns
        by_status = tells_status and shaped.value(line, "status").lower() not in _FREE
        if service in _NOBODY and (tells_users or tells_status) and not by_status:
            return None
        return cls(shaped.value(line, "address"), shaped.value(line, "pool"), service)


def bring(pool: Pool, row: Assigned) -> tuple[str, str]:
    """Write one holding down; returns the sign and the words for the report."""
    address = parse_address(row.address)
    note = _note(row.service)
    held = Address.get_or_none((Address.pool == pool.id) & (Address.address == address))
    vm = _vm_of(row.service, pool)
    if vm is not None:
        words = f"address {address} of service {row.service}"
        if held is not None and held.vm_id == vm.id:
            return "=", words
        assign_specific(vm, address, from_reserved=held is not None and held.note == note)
        return "+", words
    words = f"address {address} reserved ({note})"
    if held is not None and held.state == "reserved":
        return "=", words
    pools.reserve(pool, str(address), note)
    return "+", words


def _note(service: str) -> str:
    return "imported" if service in _NOBODY else f"imported: service {shortened(service)}"


def _vm_of(service: str, pool: Pool) -> Vm | None:
    """The VM here of a service's number; it must be on the pool's server."""
    if service in _NOBODY:
        return None
    if not (service.isascii() and service.isdigit() and len(service) <= 18):
        raise Refused(f"service: '{shortened(service)}' is not a number.")
    vm = Vm.get_or_none((Vm.service == int(service)) & (Vm.vm_status != "remove"))
    if vm is not None and vm.server_id != pool.server_id:
        raise Refused(f"service {service} has its VM on server {vm.server.name}, and the pool is not there.")
    return vm
