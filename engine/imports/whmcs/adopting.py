"""Makes the VMs of a shop ours, one by one, and keeps the addresses of its other services from being given away."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from engine import audit
from engine.actions.adoption import adopt
from engine.actions.permission import Needs, require
from engine.actions.requests import Queued
from engine.audit import Actor
from engine.errors import Refused
from engine.forms.adoption import AdoptForm
from engine.imports.whmcs.plan import HERE, NEW, REFUSED, Adoption, KeptAddress, ShopLine, ShopPlan, flat
from engine.ipam import pools
from engine.roles import Role
from engine.store.database import in_transaction, transaction
from engine.store.models import Address, Pool, Server
from engine.work.servers import Servers

IMPORT_SHOP = Needs(Role.OWNER, "import a shop", whole_site=True)


def adopt_service(actor: Actor, each: Adoption, typed: str, servers: Servers) -> Queued:
    """Adopt the VM of a service; `typed` is its name as confirmed."""
    form = AdoptForm(
        server=each.server, vmid=each.vmid, client=each.client, product=each.product, id=each.service
    )
    return adopt(actor, form, typed, prior=each.prior, servers=servers)


def reserve_addresses(actor: Actor, plan: ShopPlan) -> list[ShopLine]:
    """Reserve the addresses of services that are not here, in the pools that have them; a line for each."""
    require(actor, IMPORT_SHOP)

    def work() -> list[ShopLine]:
        ranges: dict[str, list[Pool]] = {}
        for row in Pool.select(Pool, Server).join(Server):
            ranges.setdefault(row.server.name, []).append(row)
        lines = [
            _reserve(pool, each)
            for each in plan.kept
            for pool in ranges.get(each.server, [])
            if _covers(pool, each.address)
        ]
        made = [line.name for line in lines if line.sign == NEW]
        if made:
            audit.record(actor, "import", "pool", "", "WHMCS", before={}, after={"reserved": made[:200]})
        return lines

    return in_transaction(work)


def _reserve(pool: Pool, each: KeptAddress) -> ShopLine:
    held = Address.get_or_none((Address.pool == pool.id) & (Address.address == each.address))
    name = f"{each.address} of service {each.service}"
    if held is not None:
        owner = None if held.vm is None else held.vm.service_id
        if owner is None or str(owner) == each.service:
            return ShopLine("address", HERE, name)
        return ShopLine("address", REFUSED, name, f"service {owner} has it here")
    try:
        with transaction():
            pools.reserve(pool, str(each.address), f"imported: service {each.service}")
    except Refused as fault:
        return ShopLine("address", REFUSED, name, flat(fault))
    return ShopLine("address", NEW, name)


def _covers(pool: Pool, address: IPv4Address | IPv6Address) -> bool:
    return pool.start.version == address.version and int(pool.start) <= int(address) <= int(pool.stop)
