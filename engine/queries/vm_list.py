"""The list of machines a page at a time: filtered, sorted and counted by the database, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from ipaddress import ip_address, ip_network
from operator import or_
from typing import Any

from peewee import SQL, fn

from engine.queries.vms import VmView, vms
from engine.store.database import session
from engine.store.fields import pack
from engine.store.models import Address, Client, Product, Server, Service, Vm
from engine.work.catalog import AT_REST

STATES = ("all", "working", "stuck", "waiting", "ready", "error_terminate", "remove")
SERVICE_STATES = ("all", "Pending", "Active", "Suspended", "Terminated", "Cancelled")
SORTS = ("id", "client", "product", "server", "vm", "status", "service")
_MOST_NAMES = 500  # a filter that fits more clients than this is no help with clients


@dataclass(frozen=True, slots=True)
class VmQuestion:
    """What an operator wants to see: free text, the two filters, and the order."""

    text: str = ""
    service_status: str = "all"
    state: str = "all"
    sort: str = "id"
    descending: bool = False


def count(question: VmQuestion) -> int:
    """How many machines answer the question."""
    with session():
        return int(_base(question).count())


def page(question: VmQuestion, offset: int, limit: int) -> list[VmView]:
    """The machines from `offset` on, in the question's order."""
    with session():
        ids = [row_id for (row_id,) in _ordered(question).offset(offset).limit(limit).tuples()]
        found = {view.id: view for view in vms(ids)}
    return [found[row_id] for row_id in ids if row_id in found]


def position(question: VmQuestion, service_id: int) -> int | None:
    """Where a service's machine stands in the question's order; None when it is not among them."""
    with session():
        if question.sort == "id":
            return _position_by_id(question, service_id)
        order = _order(question)
        places = _joined(question).select(
            Vm.service.alias("key"), fn.ROW_NUMBER().over(order_by=order).alias("n")
        )
        row = (
            Vm.select(SQL("n")).from_(places.alias("places")).where(SQL("key") == service_id).tuples().first()
        )
    return int(row[0]) - 1 if row else None


def _position_by_id(question: VmQuestion, service_id: int) -> int | None:
    base = _base(question)
    if not base.where(Vm.service == service_id).exists():
        return None
    before = Vm.service > service_id if question.descending else Vm.service < service_id
    return int(base.where(before).count())


def _base(question: VmQuestion) -> Any:
    query = Vm.select(Vm.id)
    if question.service_status != "all":
        chosen = Service.select(Service.id).where(Service.status == question.service_status)
        query = query.where(Vm.service.in_(chosen))
    if question.state != "all":
        query = query.where(_in_state(question.state))
    for word in question.text.split():
        query = query.where(_says(word))
    return query


def _in_state(state: str) -> Any:
    rests = Vm.vm_status.in_(sorted(AT_REST))
    if state == "stuck":
        return (Vm.error != "") & (Vm.vm_status != "remove")
    if state == "waiting":
        return Vm.wait_kind != ""
    if state == "working":
        return ~rests & (Vm.error == "")
    return Vm.vm_status == state


def _says(word: str) -> Any:
    """Rows in which a word stands: name, numbers, client, product, server, status, address."""
    like = f"%{_escaped(word)}%"
    clients = _ids(Client, word)
    services = Service.select(Service.id).where(
        Service.client.in_(clients) | Service.product.in_(_ids(Product, word))
    )
    wanted = [
        fn.LOWER(Vm.name).contains(word.lower()),
        Vm.vm_status**like,
        Vm.service.in_(services),
        Vm.server.in_(_ids(Server, word)),
    ]
    if word.isdigit() and len(word) < 10:
        wanted += _number(int(word), len(word))
    if (reach := _reach(word)) is not None:
        low, high = reach
        holders = Address.select(Address.vm).where(
            Address.address.between(low, high), Address.vm.is_null(False)
        )
        wanted.append(Vm.id.in_(holders))
    return reduce(or_, wanted)


def _number(start: int, digits: int) -> list[Any]:
    """Service ids and VMIDs that begin with these digits, as ranges an index can serve."""
    ranges = []
    for more in range(10 - digits):
        low, high = start * 10**more, (start + 1) * 10**more - 1
        ranges += [Vm.service.between(low, high), Vm.vmid.between(low, high)]
    return ranges


def _ids(model: Any, word: str) -> list[int]:
    rows = model.select(model.id).where(fn.LOWER(model.name).contains(word.lower())).limit(_MOST_NAMES)
    return [row_id for (row_id,) in rows.tuples()]


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _reach(word: str) -> tuple[bytes, bytes] | None:
    """The addresses a word begins: `192.168.130.2`, `192.168.130.` or `2001:db8::7`."""
    try:
        exact = pack(ip_address(word))
        return exact, exact
    except ValueError:
        pass
    octets = [part for part in word.split(".") if part]
    if not 1 < len(octets) < 4 or not all(part.isdigit() and int(part) < 256 for part in octets):
        return None
    network = ip_network(f"{'.'.join(octets + ['0'] * (4 - len(octets)))}/{8 * len(octets)}")
    return pack(network[0]), pack(network[-1])


def _ordered(question: VmQuestion) -> Any:
    return _joined(question).order_by(*_order(question))


def _joined(question: VmQuestion) -> Any:
    query = _base(question)
    if question.sort == "server":
        return query.join_from(Vm, Server)
    if question.sort in ("client", "product", "service"):
        query = query.join_from(Vm, Service)
        if question.sort == "client":
            query = query.join_from(Service, Client)
        if question.sort == "product":
            query = query.join_from(Service, Product)
    return query


def _order(question: VmQuestion) -> list[Any]:
    columns: dict[str, Any] = {
        "id": Vm.service,
        "client": Client.name,
        "product": Product.name,
        "server": Server.name,
        "vm": Vm.name,
        "status": Vm.vm_status,
        "service": Service.status,
    }
    column = columns[question.sort]
    return [column.desc() if question.descending else column.asc(), Vm.service.asc()]
