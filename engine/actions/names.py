"""Reverse names by hand, and the health of zones: what an operator does about DNS."""

from __future__ import annotations

from ipaddress import ip_address

from engine.actions.permission import needs
from engine.actions.requests import Accepted, Queued, change, enqueue, label, subject, vm_of
from engine.audit import Actor
from engine.clock import now_ms
from engine.dns import configured_zones
from engine.dns import sync as dns_sync
from engine.dns.matching import targets
from engine.dns.names import hostname, reverse_name
from engine.dns.provider import ZoneReport
from engine.errors import InvalidValue, NotFound, Refused
from engine.ipam.allocate import addresses_of_vm
from engine.redact import redact
from engine.roles import Role
from engine.store.database import in_transaction, session
from engine.store.models import Address, Vm, Zone


@needs(Role.SUPPORT, "set a reverse DNS name")
def set_reverse(actor: Actor, service_id: int, address: str, name: str) -> Queued:
    """Give an address of a VM its own reverse name, or, with an empty one, the VM's name again.

    It is kept with the address, so every later sync writes it too.
    """
    wanted = _checked(name) if name.strip() else ""
    with session():
        vm = vm_of(service_id)
        row = _held(vm, address)

        def work() -> Accepted:
            Address.update(rdns=wanted).where(Address.id == row.id).execute()
            queued = enqueue(vm, "Set DNS records", actor)
            target = wanted or "the name of the VM"
            said = f"{address} of {label(vm)} points to {target}. {_zone_word(row)}{queued.sentence}"
            return Accepted(said, queued.request_id)

        return change(actor, vm, "rdns", work, address=str(row.address), rdns=wanted, was=row.rdns)


def _checked(name: str) -> str:
    try:
        return hostname(name)
    except Refused as error:
        raise InvalidValue("name", error.sentence) from None


def _held(vm: Vm, address: str) -> Address:
    try:
        wanted = ip_address(address.strip())
    except ValueError:
        raise InvalidValue("address", f"'{address}' is not an IP address.") from None
    rows = addresses_of_vm(vm)
    for row in rows:
        if row.address == wanted:
            return row
    held = ", ".join(str(row.address) for row in rows) or "none"
    raise NotFound(f"{subject(vm)} does not have the address {wanted}; it has: {held}.")


def _zone_word(row: Address) -> str:
    zones = [configured_zones.zone_of(zone) for zone in configured_zones.all_zones().values()]
    if targets(zones, reverse_name(row.address)):
        return ""
    return f"No reverse zone for {row.address} is set up here, so nothing is written until one is. "


def plan(service_id: int) -> list[str]:
    """What a sync of the VM's records would do: `+ ~ - =` and `!` for what is left to others."""
    with session():
        return dns_sync.preview(vm_of(service_id))


def test_zone(zone_id: int) -> ZoneReport:
    """Ask the provider whether server, key, zone name and permission are right; the answer is kept."""
    with session():
        row = Zone.get_by_id(zone_id)
        provider = configured_zones.provider_of(row)
    try:
        report = provider.test()
    finally:
        provider.close()
    changes = (
        {"last_ok_at": now_ms(), "last_error": ""} if report.ok else {"last_error": redact(report.sentence)}
    )
    in_transaction(lambda: Zone.update(changes).where(Zone.id == zone_id).execute())
    return report
