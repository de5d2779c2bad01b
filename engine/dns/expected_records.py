"""Which records a VM should have: its name to its addresses, and each address back to a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from engine.dns.matching import ConfiguredZone, targets
from engine.dns.names import reverse_name
from engine.dns.records import Record, address_record, pointer_record
from engine.errors import Refused
from engine.store.models import Address, Vm


def fqdn(vm: Vm) -> str:
    """The VM's full name; empty without a main domain."""
    return f"{vm.name}.{vm.domain}" if vm.name and vm.domain else ""


def wanted_records(
    vm: Vm, addresses: Iterable[Address], zones: Iterable[ConfiguredZone], ttl: dict[int, int]
) -> tuple[dict[int, list[Record]], list[str]]:
    """The records by zone id, and a line for each that could not even be named."""
    known = list(zones)
    found: dict[int, list[Record]] = defaultdict(list)
    faults: list[str] = []
    name = fqdn(vm)
    for row in addresses:
        try:
            if name:
                for target in targets(known, name):
                    found[target.zone.id].append(
                        address_record(target.name, row.address, ttl[target.zone.id])
                    )
            if row.rdns or name:
                for target in targets(known, reverse_name(row.address)):
                    pointer = pointer_record(target.name, row.rdns or name, ttl[target.zone.id])
                    found[target.zone.id].append(pointer)
        except Refused as refusal:
            faults.append(refusal.sentence)
    return dict(found), faults
