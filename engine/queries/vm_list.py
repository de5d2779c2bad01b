"""The list of VMs a page at a time: filtered, sorted and counted by the database, whatever its size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from ipaddress import ip_network
from operator import or_
from typing import Any

from peewee import SQL, Case, fn

from engine.clock import Moment
from engine.errors import InvalidValue
from engine.nearest import nearest
from engine.queries.drifted import is_drifted
from engine.queries.keyset import Slice, slice_of
from engine.queries.scoping import client_condition, inside, product_condition, server_condition, within
from engine.queries.vms import VmView, vms
from engine.scope import EVERYTHING, Scope
from engine.store.database import session
from engine.store.fields import pack
from engine.store.models import Address, Client, Product, Server, Service, Vm
from engine.work.catalog import AT_REST

STATES = ("all", "working", "stuck", "waiting", "ready", "error_terminate", "remove")
SERVICE_STATES = ("all", "Pending", "Active", "Suspended", "Terminated", "Cancelled")
SORTS = ("id", "client", "product", "server", "node", "vm", "status", "since", "service")
_WORDS = re.compile(r'(?:[a-z]+:)?"(?:[^"]|"")*"|\S+', re.IGNORECASE)
_MISTYPED = re.compile(r"(?=.*[g-z])[a-z]+", re.IGNORECASE)  # `fe80:` is the start of an address
_MOST_NAMES = 500  # a filter that fits more clients than this is no help with clients


@dataclass(frozen=True, slots=True)
class VmQuestion:
    """What an operator wants to see: free text, the two filters, and the order."""

    text: str = ""
    service_status: str = "all"
    state: str = "all"
    sort: str = "id"
    descending: bool = False


def count(question: VmQuestion, scope: Scope = EVERYTHING) -> int:
    """How many VMs answer the question."""
    with session():
        return int(_base(question, scope).count())


def page(question: VmQuestion, offset: int, limit: int, scope: Scope = EVERYTHING) -> list[VmView]:
    """The VMs from `offset` on, in the question's order."""
    with session():
        ids = [row_id for (row_id,) in _ordered(question, scope).offset(offset).limit(limit).tuples()]
        found = {view.id: view for view in vms(ids)}
    return [found[row_id] for row_id in ids if row_id in found]


def after(question: VmQuestion, place: str, limit: int, scope: Scope = EVERYTHING) -> Slice[VmView]:
    """The VMs inside a scope that follow a place in the question's order."""
    with session():
        ids, following = slice_of(
            _joined(question, scope),
            Vm.id,
            _column(question),
            Vm.service,
            descending=question.descending,
            after=place,
            limit=limit,
        )
        found = {view.id: view for view in vms(ids)}
    return Slice([found[each] for each in ids if each in found], following)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many VMs there are, and how many of them need attention."""

    total: int
    working: int
    stuck: int
    waiting: int
    stopped: int
    suspended: int


def counts(scope: Scope = EVERYTHING) -> Counts:
    """The counts above the list, in two passes over the database."""
    with session():
        query = Vm.select(
            fn.COUNT(Vm.id),
            *(_sum(in_state(each)) for each in ("working", "stuck", "waiting")),
            _sum(is_state("stopped")),
        )
        row = within(query, scope, Vm.service).tuples()[0]
        in_suspension = Service.select().where(Service.status == "Suspended")
        suspended = within(in_suspension, scope, Service.id).count()
    total, working, stuck, waiting, stopped = (int(each or 0) for each in row)
    return Counts(total, working, stuck, waiting, stopped, suspended)


def _sum(condition: Any) -> Any:
    return fn.SUM(Case(None, ((condition, 1),), 0))


def next_try(service_id: int) -> Moment | None:
    """When the engine tries again; None when it does not wait."""
    with session():
        row = Vm.select(Vm.due_at).where(Vm.service == service_id).tuples().first()
    return row[0] if row else None


def position(question: VmQuestion, service_id: int, scope: Scope = EVERYTHING) -> int | None:
    """The position of a service's VM in the question's order; None when it is not among them."""
    with session():
        if question.sort == "id":
            return _position_by_id(question, service_id, scope)
        order = _order(question)
        places = _joined(question, scope).select(
            Vm.service.alias("key"), fn.ROW_NUMBER().over(order_by=order).alias("n")
        )
        row = (
            Vm.select(SQL("n")).from_(places.alias("places")).where(SQL("key") == service_id).tuples().first()
        )
    return int(row[0]) - 1 if row else None


def _position_by_id(question: VmQuestion, service_id: int, scope: Scope) -> int | None:
    base = _base(question, scope)
    if not base.where(Vm.service == service_id).exists():
        return None
    before = Vm.service > service_id if question.descending else Vm.service < service_id
    return int(base.where(before).count())


def _base(question: VmQuestion, scope: Scope) -> Any:
    query = within(Vm.select(Vm.id), scope, Vm.service)
    if question.service_status != "all":
        chosen = Service.select(Service.id).where(Service.status == question.service_status)
        query = query.where(Vm.service.in_(chosen))
    if question.state != "all":
        query = query.where(in_state(question.state))
    for word in _WORDS.findall(question.text):
        query = query.where(_fits(word, scope))
    return query


def _fits(word: str, scope: Scope) -> Any:
    """Rows a word of the filter means: `node:pve1` and the like, else the word in any column."""
    name, colon, value = word.partition(":")
    if not colon or name.lower() not in FILTERS:
        if colon and _MISTYPED.fullmatch(name):
            known = " ".join(f"{each}:" for each in FILTERS)
            raise InvalidValue(
                "q",
                f"{name}: is not a filter of the VM list.{nearest(name, FILTERS)} The filters are {known}",
            )
        return _says(_unquoted(word) or word, scope)
    if name.lower() in _HOLDERS:
        return _HOLDERS[name.lower()](value, scope)
    return _NAMED[name.lower()](value)


def _named(column: Any, value: str) -> Any:
    """Names that contain a value, or that are exactly a quoted one."""
    exactly = _unquoted(value)
    return fn.LOWER(column).contains(value.lower()) if exactly is None else column == exactly


def _unquoted(word: str) -> str | None:
    """What stands between quotes, two of them standing for one; None when there are none around the word."""
    if len(word) > 1 and word[0] == word[-1] == '"':
        return word[1:-1].replace('""', '"')
    return None


def is_state(value: str) -> Any:
    """The condition of `is:`; refused when the word is unknown."""
    if value not in _IS:
        raise InvalidValue(
            "q", f"is:{value} is unknown; use one of {', '.join(f'is:{each}' for each in _IS)}."
        )
    return _IS[value]()


def _ip(value: str) -> Any:
    reach = _reach(value)
    if reach is None:
        raise InvalidValue(
            "q", f"ip:{value} is not an address. Write ip:192.0.2.7, ip:192.0.2. or ip:192.0.2.0/24."
        )
    return Vm.id.in_(_holders(*reach))


def _node(value: str) -> Any:
    return _named(Vm.node, value)


def _suspended() -> Any:
    return Vm.service.in_(Service.select(Service.id).where(Service.status == "Suspended"))


_IS: dict[str, Any] = {
    "stuck": lambda: in_state("stuck"),
    "working": lambda: in_state("working"),
    "waiting": lambda: in_state("waiting"),
    "running": lambda: (Vm.remote_status == "running") & (Vm.vm_status != "remove"),
    "stopped": lambda: (Vm.remote_status == "stopped") & (Vm.vm_status != "remove"),
    "suspended": _suspended,
    "drifted": is_drifted,
    "locked": lambda: (Vm.remote_lock != "") & (Vm.vm_status != "remove"),
}
_NAMED: dict[str, Any] = {
    "node": _node,
    "is": is_state,
    "ip": _ip,
}
_HOLDERS: dict[str, Any] = {
    "client": lambda value, scope: Vm.service.in_(
        _services(Service.client.in_(_ids(Client, value, client_condition(scope))))
    ),
    "product": lambda value, scope: Vm.service.in_(
        _services(Service.product.in_(_ids(Product, value, product_condition(scope))))
    ),
    "server": lambda value, scope: Vm.server.in_(_ids(Server, value, server_condition(scope))),
}
FILTERS = ("node", "client", "product", "server", "is", "ip")
"""The names a word of the filter may begin with, before its colon."""


def _services(condition: Any) -> Any:
    return Service.select(Service.id).where(condition)


def _holders(low: bytes, high: bytes) -> Any:
    return Address.select(Address.vm).where(Address.address.between(low, high), Address.vm.is_null(False))


def in_state(state: str) -> Any:
    """The condition of one of STATES, except all."""
    rests = Vm.vm_status.in_(sorted(AT_REST))
    if state == "stuck":
        return (Vm.error != "") & (Vm.vm_status != "remove")
    if state == "waiting":
        return Vm.wait_kind != ""
    if state == "working":
        return ~rests & (Vm.error == "")
    return Vm.vm_status == state


def _says(word: str, scope: Scope) -> Any:
    """Rows in which a word stands, in any column that is shown."""
    like = f"%{_escaped(word)}%"
    statuses = [each for each in SERVICE_STATES[1:] if word.lower() in each.lower()]
    services = Service.client.in_(_ids(Client, word, client_condition(scope)))
    services |= Service.product.in_(_ids(Product, word, product_condition(scope)))
    if statuses:
        services |= Service.status.in_(statuses)
    named = Address.select(Address.vm).where(Address.rdns**like, Address.vm.is_null(False))
    wanted = [
        fn.LOWER(Vm.name).contains(word.lower()),
        *(
            column**like
            for column in (Vm.domain, Vm.vm_status, Vm.node, Vm.remote_status, Vm.error, Vm.wait_why)
        ),
        Vm.service.in_(_services(services)),
        Vm.server.in_(_ids(Server, word, server_condition(scope))),
        Vm.id.in_(named),
    ]
    if word.isdigit() and len(word) < 10:
        wanted += _number(int(word), len(word))
    if (reach := _reach(word)) is not None:
        wanted.append(Vm.id.in_(_holders(*reach)))
    return reduce(or_, wanted)


def _number(start: int, digits: int) -> list[Any]:
    """Service ids and VMIDs that begin with these digits, as ranges an index can serve."""
    ranges = []
    for more in range(10 - digits):
        low, high = start * 10**more, (start + 1) * 10**more - 1
        ranges += [Vm.service.between(low, high), Vm.vmid.between(low, high)]
    return ranges


def _ids(model: Any, word: str, condition: Any) -> list[int]:
    """The rows of these names that are inside: others would take places among the most that are read."""
    rows = inside(model.select(model.id).where(_named(model.name, word)), condition).limit(_MOST_NAMES)
    return [row_id for (row_id,) in rows.tuples()]


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _reach(word: str) -> tuple[bytes, bytes] | None:
    """The addresses a word means: `192.168.130.2`, `192.168.130.`, `2001:db8::7` or `192.0.2.0/24`."""
    try:
        network = ip_network(word, strict=False)  # an address alone is a network of one
        return pack(network[0]), pack(network[-1])
    except ValueError:
        pass
    octets = [part for part in word.split(".") if part]
    if not 1 < len(octets) < 4 or not all(part.isdigit() and int(part) < 256 for part in octets):
        return None
    network = ip_network(f"{'.'.join(octets + ['0'] * (4 - len(octets)))}/{8 * len(octets)}")
    return pack(network[0]), pack(network[-1])


def _ordered(question: VmQuestion, scope: Scope) -> Any:
    return _joined(question, scope).order_by(*_order(question))


def _joined(question: VmQuestion, scope: Scope) -> Any:
    query = _base(question, scope)
    if question.sort == "server":
        return query.join_from(Vm, Server)
    if question.sort in ("client", "product", "service"):
        query = query.join_from(Vm, Service)
        if question.sort == "client":
            query = query.join_from(Service, Client)
        if question.sort == "product":
            query = query.join_from(Service, Product)
    return query


_NEVER = 1 << 62
_SINCE = fn.COALESCE(Vm.error_since, Vm.waiting_since, _NEVER)
"""Since when a VM is stuck or waits; those that are well come last."""


def _order(question: VmQuestion) -> list[Any]:
    column = _column(question)
    return [column.desc() if question.descending else column.asc(), Vm.service.asc()]


def _column(question: VmQuestion) -> Any:
    columns: dict[str, Any] = {
        "id": Vm.service,
        "client": Client.name,
        "product": Product.name,
        "server": Server.name,
        "vm": Vm.name,
        "status": Vm.vm_status,
        "node": Vm.node,
        "since": _SINCE,
        "service": Service.status,
    }
    return columns[question.sort]
