"""Compares a shop with this site. Nothing is changed, and no cluster is asked; `inspecting` does that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from engine.counting import counted
from engine.errors import Refused
from engine.forms import OptionsForm, checked
from engine.forms.adoption import PriorService
from engine.imports.whmcs.clients import ClientPlanner
from engine.imports.whmcs.options import read_options
from engine.imports.whmcs.plan import (
    HERE,
    LEFT,
    NEW,
    REFUSED,
    UNKNOWN,
    Adoption,
    KeptAddress,
    ShopPlan,
    flat,
)
from engine.imports.whmcs.products import ProductPlanner
from engine.imports.whmcs.schedules import read_schedule
from engine.imports.whmcs.servers import PoolPlanner, map_servers
from engine.imports.whmcs.shop import LIVING, Shop, ShopService, ShopVm
from engine.plan import Plan, effective
from engine.store.database import session
from engine.store.models import Address, Server, Service, Vm

_RESTING = ("", "ready", "set_dns_records")
_NOT_GONE = ("terminate", "error_terminate")
_NO_VM = ("Terminated", "Cancelled", "Fraud", "Completed")


class ShopMaps:
    """What an operator says about names: servers, products and settings of the shop, and what they are here."""

    def __init__(
        self,
        servers: Mapping[str, str] | None = None,
        products: Mapping[str, str] | None = None,
        settings: Mapping[int, str] | None = None,
    ) -> None:
        self.servers = dict(servers or {})
        self.products = dict(products or {})
        self.settings = dict(settings or {})


def plan_import(shop: Shop, maps: ShopMaps) -> ShopPlan:
    """What an import of this shop would do. Needs the site open."""
    with session():
        plan = ShopPlan()
        servers = map_servers(shop, maps.servers, plan)
        PoolPlanner(shop, servers, plan).run()
        products = ProductPlanner(shop, servers, maps.products, maps.settings, plan)
        products.run()
        clients = ClientPlanner(shop, plan)
        clients.run()
        _ServicePlanner(shop, servers, products.found, clients.found, plan).run()
        for zone in shop.zones:
            plan.say("other", LEFT, f"zone {zone}", "its key is a secret; add it with kvmtui zone add")
        for table in shop.unread:
            plan.say("other", UNKNOWN, f"table {table}", "is not read")
        return plan


class _ServicePlanner:
    """Plans the services, with what is known of servers, products and clients."""

    def __init__(
        self,
        shop: Shop,
        servers: Mapping[str, str],
        products: Mapping[tuple[str, str], tuple[str, Plan] | str],
        clients: Mapping[str, str | Refused],
        plan: ShopPlan,
    ) -> None:
        self._shop = shop
        self._servers = servers
        self._products = products
        self._clients = clients
        self._plan = plan
        self._holders = Counter(
            (servers.get(each.server), address) for each in shop.living for address in each.addresses
        )

    def run(self) -> None:
        unknown: Counter[str] = Counter()
        vms = Counter((self._servers.get(each.server), each.vm.vmid) for each in self._shop.living if each.vm)
        ended = Counter(each.status for each in self._shop.services if each.status in _NO_VM)
        for service in self._shop.services:
            name = f"service {service.id}"
            if service.status in _NO_VM:
                if service.vm is not None and service.vm.status in _NOT_GONE:
                    at = f"is {service.status} in WHMCS, and the module has its VM at '{service.vm.status}'"
                    self._plan.say("service", LEFT, name, f"{at}; its addresses are not given away")
                    self._keep(service)
                continue
            try:
                read = read_options(service.chosen)
                unknown.update(read.unknown)
                made = self._adoption(service, read.values, vms)
            except Refused as fault:
                sign = LEFT if service.status not in LIVING else REFUSED
                self._plan.say("service", sign, name, fault.sentence)
                made = None
            if made is not None:
                self._plan.adoptions.append(made)
            if service.id not in map(str, self._plan.here):
                self._keep(service)
        for status, count in sorted(ended.items()):
            self._plan.say("other", LEFT, counted(count, "services"), f"{status} in WHMCS")
        for option, count in sorted(unknown.items()):
            self._plan.say("option", UNKNOWN, option, f"{counted(count, 'services')}; not moved")
        self._addresses()

    def _addresses(self) -> None:
        """What is to be reserved of the addresses of services that are not here."""
        held = {(row.server.name, row.address) for row in Address.select(Address, Server).join(Server)}
        new = [each for each in self._plan.kept if (each.server, each.address) not in held]
        text = "of services that are not here; reserved in the pools that have them"
        if new:
            self._plan.say("address", NEW, counted(len(new), "addresses"), text)
        if len(new) < len(self._plan.kept):
            self._plan.say(
                "address", HERE, counted(len(self._plan.kept) - len(new), "addresses"), "not free here"
            )

    def _adoption(
        self, service: ShopService, options: dict[str, Any], vms: Mapping[tuple[str | None, str], int]
    ) -> Adoption | None:
        number = _positive(service.id, "service id", 2_147_483_647)
        if service.status not in LIVING:
            raise Refused(
                f"is {service.status or 'without status'} in WHMCS and has no VM to adopt; order it again"
            )
        vm, server = service.vm, self._server_of(service)
        if vm is None or not vm.vmid:
            raise Refused("the module's table has no VMID for it")
        vmid = _positive(vm.vmid, "VMID", 999_999_999)
        if self._is_here(number, vmid, server):
            self._plan.here.append(number)
            self._plan.say("service", HERE, f"service {number}", f"VM {vmid} on {server} is adopted already")
            return None
        if vm.status not in _RESTING:
            raise Refused(f"the module has it at '{vm.status}'. Let it reach ready there, then export again")
        if vms[server, vm.vmid] > 1:
            raise Refused(f"several services have VM {vmid} on {server}")
        if shared := [str(each) for each in service.addresses if self._holders[server, each] > 1]:
            raise Refused(f"several services have the address {', '.join(shared)}. Correct it in WHMCS")
        product = self._products.get(
            (service.product, server), f"its product is not made for server {server}"
        )
        if isinstance(product, str):
            raise Refused(product)
        client = self._clients[service.client]
        if isinstance(client, Refused):
            raise Refused(f"its client cannot be created: {flat(client)}")
        name, plain_plan = product
        overrides = self._overrides(service, vm, options, plain_plan)
        checked(OptionsForm, overrides)
        promised = effective(plain_plan.as_dict(), overrides)
        days, minute, notes = read_schedule(vm, promised)
        prior = PriorService(
            name=(vm.name or service.domain).partition(".")[0].lower(),
            addresses=service.addresses,
            rdns=vm.rdns,
            options=overrides,
            external_ref=service.id,
            suspended=service.status == "Suspended",
            reason=service.reason or "Suspended in WHMCS",
            backup_days=days,
            backup_minute=minute,
        )
        return Adoption(number, vmid, server, client, name, prior, promised, notes=notes)

    def _server_of(self, service: ShopService) -> str:
        numbers = [service.server] if service.server not in ("", "0") else []
        if not numbers and service.product in self._shop.products:
            numbers = list(self._shop.products[service.product].servers)
        found = {self._servers[each] for each in numbers if each in self._servers}
        if len(found) != 1:
            known = self._shop.servers.get(service.server)
            called = known.name if known else service.server or "none"
            raise Refused(f"its server '{called}' is not here")
        return found.pop()

    def _is_here(self, number: int, vmid: int, server: str) -> bool:
        row = Service.get_or_none(Service.id == number)
        if row is None:
            return False
        vm = Vm.get_or_none(Vm.service == number)
        if vm is not None and vm.vm_status == "remove":
            raise Refused(
                f"an earlier adoption ended: {vm.error or 'its VM is removed'}. To repeat it: kvmtui vm "
                f"delete-record {number}, then kvmtui service delete {number}"
            )
        if vm is None:
            raise Refused(f"service {number} is here without a VM. Delete it: kvmtui service delete {number}")
        if (vm.vmid, vm.server.name) != (vmid, server):
            raise Refused(f"there is another service {number} here already")
        return True

    def _overrides(
        self, service: ShopService, vm: ShopVm, options: dict[str, Any], plan: Plan
    ) -> dict[str, Any]:
        """The options, and what the service has beyond its product without one: quotas, and addresses it must keep."""
        families = [each.version for each in service.addresses]
        network = {4: plan.network.ipv4_wanted, 6: plan.network.ipv6_wanted}
        having = {
            "backups": (_count(vm.backups), plan.backups),
            "snapshots": (_count(vm.snapshots), plan.snapshots),
            **{f"ipv{family}": (families.count(family), network[family]) for family in (4, 6)},
        }
        more = {name: has for name, (has, usual) in having.items() if has > usual and name not in options}
        return {**more, **options}

    def _keep(self, service: ShopService) -> None:
        """An address that a living service of the shop has is not free here."""
        server = self._servers.get(service.server)
        if server is not None:
            self._plan.kept += [KeptAddress(server, each, service.id) for each in service.addresses]


def _positive(text: str, what: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= most):
        raise Refused(f"its {what} '{text[:40]}' is not a number from 1 to {most}")
    return int(text)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
