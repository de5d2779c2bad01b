"""The servers of a shop and its address pools, as servers and pools here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.counting import counted
from engine.errors import Refused
from engine.forms import PoolForm, checked
from engine.imports.puq.rows import PoolRows
from engine.imports.puq.shapes import ModuleData, understand
from engine.imports.whmcs.plan import HERE, LEFT, NEW, REFUSED, UNKNOWN, ShopPlan, flat
from engine.imports.whmcs.shop import Shop, ShopServer
from engine.ipam.spec import PoolSpec
from engine.store.models import Pool, Server


def map_servers(shop: Shop, named: Mapping[str, str], plan: ShopPlan) -> dict[str, str]:
    """Which server here a number of WHMCS is: as an operator says, by name, or by an API host both know."""
    here = {row.name: {str(host).lower() for host in row.hosts} for row in Server.select()}
    used = {each.server for each in shop.living} | {
        number for product in shop.products.values() for number in product.servers
    }
    servers: dict[str, str] = {}
    for number, server in shop.servers.items():
        name = _server_here(server, named, here)
        if name is not None:
            servers[number] = name
            plan.say("server", HERE, server.name, f"is {name} here")
            if server.listed:
                what = f"{counted(server.listed, 'lines')}; put them into assigned_ips of server {name}"
                plan.say("other", LEFT, f"address list of server {server.name}", what)
        elif number in used:
            advice = f"is not here. Add it with kvmtui server add, or say --server-map {number}=NAME"
            plan.say("server", REFUSED, server.name, advice)
    return servers


def _server_here(server: ShopServer, named: Mapping[str, str], here: Mapping[str, set[str]]) -> str | None:
    name = named.get(server.id) or named.get(server.name)
    if name is not None:
        if name not in here:
            raise Refused(f"--server-map: there is no server '{name}'.")
        return name
    if server.name in here:
        return server.name
    hosts = {each.lower() for each in server.hosts}
    matching = [each for each, known in here.items() if hosts & known]
    return matching[0] if len(matching) == 1 else None


class PoolPlanner:
    """Plans the pools of a shop; `servers` are those of the shop, by number."""

    def __init__(self, shop: Shop, servers: Mapping[str, str], plan: ShopPlan) -> None:
        self._shop = shop
        self._plan = plan
        self._servers = {**servers, **{shop.servers[each].name: name for each, name in servers.items()}}

    def run(self) -> None:
        """Add every pool to the plan."""
        if not self._shop.address_tables:
            return
        try:
            found = understand(self._shop.address_tables)
        except Refused as fault:
            self._plan.say("pool", UNKNOWN, "pool tables", fault.sentence)
            return
        rows = PoolRows(found, self._servers)
        for shaped in found.pools:
            for line in shaped.table.lines:
                name = f"{shaped.value(line, 'start')} to {shaped.value(line, 'stop')}"
                try:
                    spec = rows.spec(shaped, line)
                    values = _pool_values(spec)
                    self._pool(checked(PoolForm, values), values)
                except Refused as fault:
                    self._plan.say("pool", REFUSED, name, f"{shaped.table.name}: {flat(fault)}")
        self._assigned(found)

    def _pool(self, form: PoolForm, values: dict[str, Any]) -> None:
        name = f"{form.server} {form.start} to {form.stop}"
        there = Pool.select().join(Server).where(Server.name == form.server, Pool.start == form.start).first()
        if there is not None:
            same = str(there.stop) == form.stop and (there.bridge, there.vlan) == (form.bridge, form.vlan)
            self._plan.say("pool", HERE, name, "" if same else "differs; kept as it is here")
        elif any(
            (each["server"], each["start"]) == (form.server, form.start)
            for each in self._plan.manifest["pools"]
        ):
            self._plan.say("pool", REFUSED, name, "is listed twice in the shop")
        else:
            self._plan.manifest["pools"].append(values)
            self._plan.say(
                "pool", NEW, name, f"{form.bridge} VLAN {form.vlan}, gateway {form.gateway}/{form.mask}"
            )

    def _assigned(self, found: ModuleData) -> None:
        """Tables that list assigned addresses: only addresses of services that the shop does not have are new."""
        known = {str(each) for service in self._shop.services for each in service.addresses}
        lines = sum(
            shaped.value(line, "address") not in known and shaped.value(line, "service") not in ("", "0")
            for shaped in found.held
            for line in shaped.table.lines
        )
        if lines:
            self._plan.say(
                "address", UNKNOWN, counted(lines, "addresses"),
                "are assigned by the module and belong to none of its services; kvmtui import puq reserves them",
            )  # fmt: skip


def _pool_values(spec: PoolSpec) -> dict[str, Any]:
    values = {
        "server": spec.server, "type": spec.type, "bridge": spec.bridge, "vlan": spec.vlan,
        "gateway": str(spec.gateway), "mask": spec.mask, "dns1": spec.dns1, "dns2": spec.dns2,
        "start": str(spec.start), "stop": str(spec.stop),
    }  # fmt: skip
    return {name: value for name, value in values.items() if value != ""}
