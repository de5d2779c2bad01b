"""Finds the module's pools, assigned addresses and servers in a file, by what the columns of its tables say.

A table that lacks something needed is refused, not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.errors import Refused
from engine.imports.columns import Shaped, mapped
from engine.imports.tables import DumpTable

_SERVER = ("server", "serverid", "servername", "whmcsserver", "whmcsserverid", "tblserversid")
_POOL = ("pool", "poolid", "ippool", "ippoolid", "ippoolsid", "idpool", "idippool")
_DNS2 = ("dns2", "dnssecondary", "secondarydns", "dnsserver2", "nameserver2")

POOL_COLUMNS = {
    "id": ("id", *_POOL),
    "server": _SERVER,
    "type": ("type", "iptype", "pooltype", "addresstype", "family", "ipversion", "version"),
    "bridge": ("bridge", "bridgename", "networkbridge", "vmbr"),
    "vlan": ("vlan", "vlanid", "vlantag", "tag"),
    "gateway": ("gateway", "gw", "defaultgateway", "ipgateway", "gatewayip"),
    "mask": ("mask", "netmask", "subnetmask", "prefix", "prefixlen", "cidr"),
    "dns1": ("dns1", "dns", "dnsprimary", "primarydns", "dnsserver1", "nameserver1", "dnsservers"),
    "dns2": _DNS2,
    "start": ("start", "addressstart", "startaddress", "addressesstart", "ipstart", "startip", "firstip",
              "first", "rangestart", "addressfrom", "ipfrom"),
    "stop": ("stop", "addressstop", "stopaddress", "addressesstop", "ipstop", "stopip", "lastip", "last",
             "end", "addressend", "endaddress", "ipend", "endip", "rangestop", "rangeend", "addressto", "ipto"),
}  # fmt: skip
HELD_COLUMNS = {
    "address": ("address", "ip", "ipaddress", "ipaddr", "ipv4", "ipv6"),
    "pool": _POOL,
    "service": ("service", "serviceid", "hosting", "hostingid", "tblhostingid", "sid", "relid", "accountid"),
    "status": ("status", "state", "used", "inuse", "assigned", "reserved"),
}
LINK_COLUMNS = {"pool": _POOL, "server": _SERVER}
SERVER_COLUMNS = {"id": ("id",), "name": ("name",)}

_POOL_NEEDS = ("bridge", "gateway", "mask", "start", "stop")
_POOL_TABLE = re.compile(r"ip_?pools?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModuleData:
    """What a file holds of the module: its pools, who holds what, which pool is on which server."""

    pools: list[Shaped]
    held: list[Shaped]
    links: list[Shaped]
    server_names: Mapping[str, str]  # WHMCS number -> name
    notes: list[str]


def is_wanted(name: str) -> bool:
    """Whether a table of a dump may concern the module's addresses."""
    plain = name.lower()
    return plain == "tblservers" or ("puq" in plain and "ip" in plain.replace("puq", "", 1))


def is_legacy(name: str) -> bool:
    """Whether a table is of the older addon, whose rows the newer one took over."""
    return name.lower().startswith("puq_customization")


def understand(tables: Iterable[DumpTable]) -> ModuleData:
    """Sort tables by what their columns say; refused when no pool table is there or one is not understood."""
    found = ModuleData([], [], [], {}, [])
    names: dict[str, str] = {}
    for table in tables:
        if table.name.lower() == "tblservers":
            shaped = Shaped(table, mapped(table, SERVER_COLUMNS))
            names |= {shaped.value(line, "id"): shaped.value(line, "name") for line in table.lines}
        else:
            _sort(table, found)
    if not found.pools:
        raise Refused(
            "The file has no pool table. Give a dump of puq_customization_ip_pools or of the ip_pools table of "
            "the addon, or a CSV with the columns server, bridge, vlan, gateway, mask, start and stop."
        )
    return _newest(ModuleData(found.pools, found.held, found.links, names, found.notes))


def _sort(table: DumpTable, found: ModuleData) -> None:
    as_pool = mapped(table, POOL_COLUMNS)
    as_held = mapped(table, HELD_COLUMNS)
    missing = [field for field in _POOL_NEEDS if field not in as_pool]
    if not missing:
        found.pools.append(Shaped(table, as_pool))
    elif _POOL_TABLE.search(table.name) or len(missing) < len(_POOL_NEEDS) - 1:
        raise Refused(
            f"The table {table.name} lacks a column for {', '.join(missing)}; it has {', '.join(table.columns)}. "
            "Rename the columns in the file to the field names, or export the table as CSV with these."
        )
    elif "address" in as_held:
        found.held.append(Shaped(table, as_held))
    elif set(link := mapped(table, LINK_COLUMNS)) == {"pool", "server"}:
        found.links.append(Shaped(table, link))
    else:
        found.notes.append(f"{table.name} was not used: nothing in it speaks of pools or addresses")


def _newest(found: ModuleData) -> ModuleData:
    """Leave the older addon's tables away when the newer one's are there: it holds the same pools."""
    if all(is_legacy(each.table.name) for each in found.pools if each.table.lines):
        return found
    every = [*found.pools, *found.held, *found.links]
    notes = [
        f"{each.table.name} was not used: the newer table is in the file"
        for each in every
        if is_legacy(each.table.name)
    ]
    pools, held, links = (
        [each for each in group if not is_legacy(each.table.name)]
        for group in (found.pools, found.held, found.links)
    )
    return ModuleData(pools, held, links, found.server_names, [*found.notes, *notes])
