"""What DNS holds for the VMs, from our ledger and from DNS itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.dns import configured_zones, sync
from engine.dns.expected_records import fqdn
from engine.dns.query import forward_confirmed
from engine.errors import KvmtuiError
from engine.ipam.allocate import addresses_of_vm
from engine.store.database import session
from engine.store.models import Address, Vm

PENDING_STATES = ("pending", "deleting", "conflict")


@dataclass(frozen=True, slots=True)
class NameMapping:
    """An address, the name that points to it, and the name it points to."""

    forward: str
    ip: str
    reverse: str


@dataclass(frozen=True, slots=True)
class VmDns:
    """How the DNS of a VM stands."""

    service_id: int
    name: str
    ok: bool
    plan: list[str] = field(default_factory=list)
    confirmations: list[str] = field(default_factory=list)


def mappings() -> list[NameMapping]:
    """Every assigned address with its forward and reverse name."""
    with session():
        rows = (
            Address.select(Address, Vm).join(Vm).where(Address.state == "assigned").order_by(Address.address)
        )
        return [_mapping(row, row.vm) for row in rows if row.vm is not None]


def _mapping(row: Address, vm: Vm) -> NameMapping:
    return NameMapping(fqdn(vm), str(row.address), row.rdns or fqdn(vm))


def check(service_ids: list[int] | None = None, ask_dns: bool = True) -> list[VmDns]:
    """Compare what VMs should have with the providers and, unless disabled, with real DNS queries."""
    with session():
        query = Vm.select().where(Vm.name != "", Vm.vm_status != "remove").order_by(Vm.service)
        if service_ids is not None:
            query = query.where(Vm.service.in_(service_ids))
        return [_of(vm, ask_dns) for vm in query]


def _of(vm: Vm, ask_dns: bool) -> VmDns:
    lines = sync.preview(vm)
    wrong = [line for line in lines if line[:1] in "+~-?"]
    confirmations, confirmed = _confirmed(vm) if ask_dns and lines else ([], True)
    return VmDns(vm.service_id, fqdn(vm) or vm.name, not wrong and confirmed, lines, confirmations)


def _confirmed(vm: Vm) -> tuple[list[str], bool]:
    said, ok = [], True
    for row in addresses_of_vm(vm):
        try:
            answer = forward_confirmed(row.address, row.rdns or fqdn(vm) or None)
        except KvmtuiError as error:
            said.append(f"{row.address}: {error.sentence}")
            ok = False
            continue
        said.append(answer.sentence)
        ok = ok and answer.ok
    return said, ok


def zones() -> list[tuple[int, str]]:
    """Every zone's id and label."""
    with session():
        return [
            (zone_id, configured_zones.zone_of(row).label)
            for zone_id, row in configured_zones.all_zones().items()
        ]
