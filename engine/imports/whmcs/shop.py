"""Reads a shop out of WHMCS's tables. Only the columns named here are read; passwords and keys are not among them."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.imports.files import opened
from engine.imports.puq.shapes import is_wanted as has_addresses
from engine.imports.sheets import read_folder
from engine.imports.sql import read_sql
from engine.imports.tables import DumpTable, is_open, plain
from engine.store.fields import Address

MODULE = "puqproxmoxkvm"
LIVING = ("Active", "Suspended")  # services whose VM is moved
SETTINGS = range(2, 25)  # configoption1 is the licence key
_COLUMNS = {
    "tblclients": ("id", "firstname", "lastname", "companyname", "email", "language"),
    "tblproducts": ("id", "name", "servertype", "servergroup", *(f"configoption{n}" for n in SETTINGS)),
    "tblproductconfigoptions": ("id", "gid", "optionname", "optiontype"),
    "tblproductconfigoptionssub": ("id", "configid", "optionname", "sortorder"),
    "tblproductconfiglinks": ("gid", "pid"),
    "tblhosting": ("id", "userid", "packageid", "server", "domain", "domainstatus", "dedicatedip", "assignedips",
                   "suspendreason"),
    "tblhostingconfigoptions": ("relid", "configid", "optionid", "qty"),
    "tblservers": ("id", "name", "hostname", "ipaddress", "assignedips"),
    "tblservergroupsrel": ("groupid", "serverid"),
}  # fmt: skip
_NEEDED = ("tblclients", "tblproducts", "tblhosting")
_VM_ADDRESSES = ("vm_ip", "vm_ips", "vm_ipv4", "vm_ipv6", "ip", "ips", "ipv4", "ipv6", "vm_dedicated_ip")
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShopServer:
    """A server entry of WHMCS."""

    id: str
    name: str
    hosts: tuple[str, ...]
    listed: int
    """How many addresses its legacy list has."""


@dataclass(frozen=True, slots=True)
class ShopClient:
    """A client of the shop."""

    id: str
    name: str
    email: str
    language: str


@dataclass(frozen=True, slots=True)
class ShopProduct:
    """A product that is sold by the module, with its settings by number and the servers of its group."""

    id: str
    name: str
    servers: tuple[str, ...]
    settings: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class ShopOption:
    """A configurable option: its name and choices, or what a service chose of it."""

    name: str
    choices: tuple[str, ...] = ()
    value: str = ""


@dataclass(frozen=True, slots=True)
class ShopVm:
    """What the module's own table says of a service's VM."""

    vmid: str = ""
    name: str = ""
    status: str = ""
    rdns: Mapping[str, str] = field(default_factory=dict)
    snapshots: str = ""
    backups: str = ""
    schedule: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShopService:
    """A service of the shop."""

    id: str
    client: str
    product: str
    server: str
    status: str
    domain: str
    reason: str
    addresses: tuple[Address, ...]
    chosen: tuple[ShopOption, ...]
    vm: ShopVm | None


@dataclass(slots=True)
class Shop:
    """A shop as its tables have it."""

    servers: dict[str, ShopServer] = field(default_factory=dict)
    clients: dict[str, ShopClient] = field(default_factory=dict)
    products: dict[str, ShopProduct] = field(default_factory=dict)
    options: dict[str, list[ShopOption]] = field(default_factory=dict)  # of a product
    services: list[ShopService] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    address_tables: list[DumpTable] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Tables of the module that are not understood."""

    @property
    def living(self) -> list[ShopService]:
        """The services whose VM is moved."""
        return [each for each in self.services if each.status in LIVING]


def read_dump(path: Path) -> Shop:
    """The shop of a mysqldump; refused when it cannot be read or has no shop in it."""
    wanted = _Wanted()
    with opened(path) as stream:
        return _shop(read_sql(stream, wanted, _kept), wanted.others, str(path))


def read_sheets(folder: Path) -> Shop:
    """The shop of a folder that has one CSV file per table."""
    wanted = _Wanted()
    return _shop(read_folder(folder, wanted, _kept), wanted.others, str(folder))


class _Wanted:
    """Says which tables are read, and keeps the names of the module's others."""

    def __init__(self) -> None:
        self.others: set[str] = set()

    def __call__(self, name: str) -> bool:
        if name.lower() in _COLUMNS:
            return True
        if "puq" not in name.lower():
            return False
        if has_addresses(name) or plain(name).endswith(("vminfo", "dnszones")):
            return True
        self.others.add(name)
        return False


def _kept(table: str, column: str) -> bool:
    if table in _COLUMNS:
        return column in _COLUMNS[table]
    if plain(table).endswith("dnszones"):
        return plain(column) in ("zone", "name", "domain", "type", "provider")
    return is_open(table, column)


def _shop(tables: list[DumpTable], others: Iterable[str], source: str) -> Shop:
    by_name: dict[str, list[Row]] = defaultdict(list)
    for table in tables:
        columns = [column.lower() for column in table.columns]
        rows = (dict(zip(columns, line.values, strict=True)) for line in table.lines)
        by_name[_key(table.name)] += rows
    missing = [name for name in _NEEDED if name not in by_name]
    if missing:
        raise Refused(
            f"{source} has no table {', '.join(missing)}. Dump the tables that docs/howto/move-from-whmcs.md names."
        )
    shop = Shop(unread=sorted(others))
    shop.address_tables = [
        table for table in tables if has_addresses(table.name) and _key(table.name) == table.name.lower()
    ]
    shop.zones = sorted({_zone(row) for row in by_name["dnszones"]} - {""})
    shop.servers = {row["id"]: _server(row) for row in by_name["tblservers"]}
    shop.clients = {row["id"]: _client(row) for row in by_name["tblclients"]}
    groups: dict[str, list[str]] = defaultdict(list)
    for row in by_name["tblservergroupsrel"]:
        groups[row.get("groupid", "")].append(row.get("serverid", ""))
    shop.products = {
        row["id"]: _product(row, groups)
        for row in by_name["tblproducts"]
        if plain(row.get("servertype", "")) == MODULE
    }
    _read_services(shop, by_name)
    return shop


def _key(name: str) -> str:
    """A table by what it is: the module's have had several names."""
    for kind in ("vminfo", "dnszones"):
        if plain(name).endswith(kind):
            return kind
    return name.lower()


def clean(text: str) -> str:
    """A name on one line; WHMCS stores what is typed with its markup escaped."""
    return _CONTROL.sub(" ", html.unescape(text)).strip()[:100].strip()


def _zone(row: Row) -> str:
    return clean(row.get("zone") or row.get("domain") or row.get("name") or "")


def _server(row: Row) -> ShopServer:
    hosts = tuple(each for each in (row.get("hostname", ""), row.get("ipaddress", "")) if each)
    listed = sum("|" in line for line in row.get("assignedips", "").splitlines())
    return ShopServer(row["id"], clean(row.get("name", "")), hosts, listed)


def _client(row: Row) -> ShopClient:
    person = f"{row.get('firstname', '')} {row.get('lastname', '')}"
    name = clean(row.get("companyname", "")) or clean(person) or clean(row.get("email", ""))
    return ShopClient(
        row["id"], name or f"client {row['id']}", row.get("email", "").strip(), row.get("language", "")
    )


def _product(row: Row, groups: Mapping[str, list[str]]) -> ShopProduct:
    settings = {number: row.get(f"configoption{number}", "").strip() for number in SETTINGS}
    return ShopProduct(
        row["id"],
        clean(row.get("name", "")) or f"product {row['id']}",
        tuple(groups.get(row.get("servergroup", ""), ())),
        {number: text for number, text in settings.items() if text},
    )


def _read_services(shop: Shop, tables: Mapping[str, list[Row]]) -> None:
    options = {row["id"]: row for row in tables["tblproductconfigoptions"]}
    choices: dict[str, list[Row]] = defaultdict(list)
    names: dict[str, str] = {}
    for row in tables["tblproductconfigoptionssub"]:
        choices[row.get("configid", "")].append(row)
        names[row["id"]] = clean(row.get("optionname", ""))
    by_group: dict[str, list[ShopOption]] = defaultdict(list)
    for number, row in options.items():
        ordered = sorted(
            choices[number], key=lambda each: (_number(each.get("sortorder", "")), _number(each["id"]))
        )
        by_group[row.get("gid", "")].append(
            ShopOption(clean(row.get("optionname", "")), tuple(names[each["id"]] for each in ordered))
        )
    for row in tables["tblproductconfiglinks"]:
        shop.options.setdefault(row.get("pid", ""), []).extend(by_group[row.get("gid", "")])
    chosen: dict[str, list[ShopOption]] = defaultdict(list)
    for row in tables["tblhostingconfigoptions"]:
        option = options.get(row.get("configid", ""))
        if option is not None:
            counted = option.get("optiontype") in ("3", "4")  # a tick, a quantity
            value = row.get("qty", "") if counted else names.get(row.get("optionid", ""), "")
            chosen[row.get("relid", "")].append(ShopOption(clean(option.get("optionname", "")), (), value))
    vms = {_first(row, "service_id", "serviceid", "hosting_id", "relid"): row for row in tables["vminfo"]}
    for row in tables["tblhosting"]:
        if row.get("packageid") in shop.products:
            shop.services.append(_service(row, chosen, vms.get(row["id"])))


def _service(row: Row, chosen: Mapping[str, list[ShopOption]], vm: Row | None) -> ShopService:
    known = None if vm is None else _vm(vm)
    texts = [row.get("dedicatedip", ""), row.get("assignedips", "")]
    if vm is not None and known is not None and not any(text.strip() for text in texts):
        texts = [*known.rdns, *(vm.get(name, "") for name in _VM_ADDRESSES)]
    return ShopService(
        id=row["id"],
        client=row.get("userid", ""),
        product=row.get("packageid", ""),
        server=row.get("server", ""),
        status=row.get("domainstatus", ""),
        domain=row.get("domain", "").strip().lower(),
        reason=clean(row.get("suspendreason", "")),
        addresses=tuple(dict.fromkeys(each for text in texts for each in _addresses(text))),
        chosen=tuple(chosen.get(row["id"], ())),
        vm=known,
    )


def _vm(row: Row) -> ShopVm:
    rdns = _json(row.get("vm_rev_dns") or row.get("rev_dns", ""))
    named = {str(address): name for key, name in rdns.items() for address in _addresses(key) if name}
    return ShopVm(
        vmid=_first(row, "vm_id", "vmid"),
        name=_first(row, "vm_name", "name"),
        status=_first(row, "vm_status", "status").lower(),
        rdns=named,
        snapshots=_first(row, "vm_snapshots", "snapshots"),
        backups=_first(row, "vm_backups", "backups"),
        schedule=_json(row.get("vm_backup_schedule") or row.get("backup_schedule", "")),
    )


def _json(text: str) -> dict[str, str]:
    """An object of texts; a list counts from 0. Anything else is empty."""
    try:
        found: Any = json.loads(html.unescape(text)) if text.strip() else {}
    except ValueError:
        return {}
    if isinstance(found, list):
        found = {str(place): value for place, value in enumerate(found)}
    return {str(key): str(value) for key, value in found.items() if value} if isinstance(found, dict) else {}


def _addresses(text: str) -> Iterator[Address]:
    for part in re.split(r"[\s,;|\"'{}\[\]/]+", text):
        if part.count(".") == 3 or ":" in part:
            try:
                yield ip_address(part.strip("."))
            except ValueError:
                continue


def _first(row: Row, *names: str) -> str:
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
