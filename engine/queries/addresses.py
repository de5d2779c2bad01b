"""The addresses of one VM: where each comes from, the name it points to, and whether DNS has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.actions.requests import vm_of
from engine.dns import configured_zones
from engine.dns.expected_records import fqdn
from engine.dns.matching import ConfiguredZone, targets
from engine.dns.names import reverse_name
from engine.ipam.allocate import addresses_of_vm
from engine.store.database import session
from engine.store.models import Address, DnsRecord, Vm

Kept = Literal["written", "pending", "deleting", "conflict", "left", "not written", "no zone"]
"""What the ledger says of the reverse name; `no zone`: none is set up for the address."""
_WORST: tuple[Kept, ...] = ("conflict", "pending", "deleting", "written", "left")


@dataclass(frozen=True, slots=True)
class AddressView:
    """An address of a VM. `own` means that the reverse name is its own and not the VM's."""

    address: str
    prefix: int
    gateway: str
    bridge: str
    vlan: int
    rdns: str
    own: bool
    kept: Kept
    error: str
    """Why the reverse name is not written yet; empty when nothing is wrong."""


def addresses_of(service_id: int) -> list[AddressView]:
    """The addresses of the VM of a service, its main one first; refused when it has no VM."""
    with session():
        vm = vm_of(service_id)
        zones = [configured_zones.zone_of(row) for row in configured_zones.all_zones().values()]
        records = list(DnsRecord.select().where(DnsRecord.vm == vm.id, DnsRecord.type == "PTR"))
        return [_view(row, vm, zones, records) for row in addresses_of_vm(vm)]


def _view(row: Address, vm: Vm, zones: Sequence[ConfiguredZone], records: Sequence[DnsRecord]) -> AddressView:
    kept, error = _kept(row, zones, records)
    return AddressView(
        address=str(row.address),
        prefix=row.prefix,
        gateway=row.gateway,
        bridge=row.bridge,
        vlan=row.vlan,
        rdns=row.rdns or fqdn(vm),
        own=bool(row.rdns),
        kept=kept,
        error=error,
    )


def _kept(row: Address, zones: Sequence[ConfiguredZone], records: Sequence[DnsRecord]) -> tuple[Kept, str]:
    """The worst of what the ledger holds for an address, in all zones that its name goes to."""
    places = {(target.zone.id, target.name) for target in targets(zones, reverse_name(row.address))}
    if not places:
        return "no zone", ""
    mine = [record for record in records if (record.zone_id, record.name) in places]
    for state in _WORST:
        for record in mine:
            if record.state == state:
                return state, record.error
    return "not written", ""
