"""From what an operator types to the one service, VM, pool or zone that is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from peewee import fn

from engine.actions.lookup import found
from engine.errors import NotFound, Refused
from engine.nearest import nearest
from engine.queries.scoping import client_condition, inside, within
from engine.scope import EVERYTHING, Scope
from engine.store.database import session
from engine.store.models import ApiToken, Client, Pool, Product, Server, Service, Vm, Zone

_VMID = re.compile(r"vmid:([0-9]{1,9})", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Ref:
    """The one that is meant; a service may have no VM any more."""

    service_id: int
    vm_id: int | None
    name: str


def service_ref(text: str, scope: Scope = EVERYTHING) -> Ref:
    """The service of an id (`5546`), of a VMID (`vmid:2002`) or of a VM's name; refused unless one."""
    with session():
        if _NUMBER.fullmatch(text):
            return _by_id(int(text), scope)
        by_vmid = _VMID.fullmatch(text)
        if by_vmid:
            return _only(_vms(Vm.vmid == int(by_vmid[1]), scope), text, f"no VM has VMID {by_vmid[1]}.")
        name = text.lower()
        rows = _vms(Vm.name == name, scope) or _by_full_name(name, scope)
        every = within(Vm.select(Vm.name), scope, Vm.service).tuples()
        known = (each for (each,) in every if each) if not rows else ()
        return _only(rows, text, f"No VM matches '{text}'.{nearest(text, known)}")


def vm_ref(text: str, scope: Scope = EVERYTHING) -> Ref:
    """Like `service_ref`, refused when the service has no VM."""
    ref = service_ref(text, scope)
    if ref.vm_id is None:
        raise Refused(f"Service {ref.service_id} has no VM.")
    return ref


def vm_id_of_service(service_id: int) -> int:
    """The VM's row id; refused when the service has none."""
    return int(vm_ref(str(service_id)).vm_id or 0)


def name_of_service(service_id: int) -> str:
    """The VM's name, or the service's id while it has none."""
    return service_ref(str(service_id)).name


def _by_id(number: int, scope: Scope) -> Ref:
    if not within(Service.select().where(Service.id == number), scope, Service.id).exists():
        raise NotFound(f"Service {number} not found. A VMID is written vmid:{number}.")
    vm = Vm.get_or_none(Vm.service == number)
    return Ref(number, vm.id if vm else None, (vm.name if vm else "") or str(number))


def _by_full_name(name: str, scope: Scope) -> list[Vm]:
    label, dot, domain = name.partition(".")
    return _vms((Vm.name == label) & (Vm.domain == domain), scope) if dot else []


def _vms(condition: Any, scope: Scope) -> list[Vm]:
    return list(within(Vm.select().where(condition), scope, Vm.service).order_by(Vm.service).limit(20))


def _only(rows: list[Vm], text: str, none: str) -> Ref:
    if not rows:
        raise NotFound(none[:1].upper() + none[1:])
    if len(rows) > 1:
        ids = ", ".join(str(row.service_id) for row in rows)
        raise Refused(f"'{text}' matches more than one VM; name one by its service id: {ids}.")
    return Ref(rows[0].service_id, rows[0].id, rows[0].name or str(rows[0].service_id))


def pool_ref(text: str) -> int:
    """The id of the pool of that number, first address, or `SERVER/ADDRESS`; refused unless it is one."""
    with session():
        if _NUMBER.fullmatch(text):
            rows = list(Pool.select().where(Pool.id == int(text)))
        else:
            rows = _pools_at(text)
        if not rows:
            raise Refused(
                f"Pool '{text}' not found. Name it by its id or its first address: kvmtui pool list"
            )
        if len(rows) > 1:
            ids = ", ".join(str(row.id) for row in rows)
            raise Refused(f"'{text}' means more than one pool; name one by its id: {ids}.")
        return int(rows[0].id)


def _pools_at(text: str) -> list[Pool]:
    server, _, address = text.rpartition("/")
    try:
        start = ip_address(address)
    except ValueError:
        return []
    query = Pool.select().join(Server).where(Pool.start == start)
    return list(query.where(Server.name == server) if server else query)


def zone_ref(text: str) -> int:
    """The id of the zone of that number, name, or `NAME/TYPE`; refused unless it is one."""
    with session():
        rows = _zones(text)
        if not rows:
            names = (name for (name,) in Zone.select(Zone.name).tuples())
            raise NotFound(f"Zone '{text}' not found.{nearest(text, names)}")
        if len(rows) > 1:
            ids = ", ".join(f"{row.id} ({row.type} {row.endpoint})" for row in rows)
            raise Refused(f"'{text}' means more than one zone; name one by its id: {ids}.")
        return int(rows[0].id)


def _zones(text: str) -> list[Zone]:
    if _NUMBER.fullmatch(text):
        return list(Zone.select().where(Zone.id == int(text)))
    name = text.lower().removesuffix(".")
    exact = list(Zone.select().where(Zone.name == name))
    if exact:
        return exact
    label, _, kind = name.rpartition("/")
    return list(Zone.select().where(Zone.name == label.removesuffix("."), Zone.type == kind))


def client_ref(text: str, scope: Scope = EVERYTHING) -> int:
    """The id of the client of that name, e-mail address or number; refused unless it is one."""
    with session():
        every = inside(Client.select(), client_condition(scope))
        rows = list(every.where(Client.name == text))
        rows = rows or list(every.where(fn.LOWER(Client.email) == text.lower()).limit(20))
        if not rows and _NUMBER.fullmatch(text):
            rows = list(every.where(Client.id == int(text)))
        if not rows:
            names = (row.name for row in every)
            raise NotFound(f"Client '{text}' not found.{nearest(text, names)}")
        if len(rows) > 1:
            raise Refused(f"'{text}' means more than one client: {', '.join(row.name for row in rows)}.")
        return int(rows[0].id)


def names_of(kind: str, limit: int | None = 2000) -> list[str]:
    """What a shell may complete for server, product, client, zone, token, pool or vm."""
    with session():
        if kind == "pool":
            return [str(row.start) for row in Pool.select(Pool.start).order_by(Pool.start).limit(limit)]
        if kind == "vm":
            rows = Vm.select(Vm.service, Vm.name).order_by(Vm.service).limit(limit)
            return [text for row in rows for text in (str(row.service_id), row.name) if text]
        table: Any = {
            "server": Server, "product": Product, "client": Client, "zone": Zone, "token": ApiToken,
        }[kind]  # fmt: skip
        return [row.name for row in table.select(table.name).order_by(table.name).limit(limit)]


def id_of(kind: str, name: str) -> int:
    """The row id of the server, product or client of that name."""
    table: Any = {"server": Server, "product": Product, "client": Client}[kind]
    with session():
        return int(found(table, table.name == name, f"{kind} '{name}'").id)
