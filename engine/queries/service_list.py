"""The list of services a page at a time: filtered, sorted and counted by the database, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from peewee import JOIN, SQL, fn

from engine.queries.inventory import ServiceView, services_in
from engine.queries.keyset import Slice, slice_of
from engine.queries.scoping import inside, service_condition
from engine.scope import EVERYTHING, Scope
from engine.store.database import session
from engine.store.models import Client, Product, Server, Service, Vm

SORTS = ("id", "client", "product", "status", "vm")


@dataclass(frozen=True, slots=True)
class ServiceQuestion:
    """What an operator wants to see: free text, the order, and the record the services belong to."""

    text: str = ""
    sort: str = "id"
    descending: bool = False
    client: str = ""
    product: str = ""
    server: str = ""
    status: str = ""
    external_ref: str = ""


def count(question: ServiceQuestion, scope: Scope = EVERYTHING) -> int:
    """How many services answer the question."""
    with session():
        return int(_joined(question, scope).count())


def page(question: ServiceQuestion, offset: int, limit: int, scope: Scope = EVERYTHING) -> list[ServiceView]:
    """The services from `offset` on, in the question's order."""
    with session():
        query = _joined(question, scope).order_by(*_order(question)).offset(offset).limit(limit)
        ids = [row_id for (row_id,) in query.tuples()]
        found = {view.id: view for view in services_in(ids)}
    return [found[row_id] for row_id in ids if row_id in found]


def after(question: ServiceQuestion, place: str, limit: int, scope: Scope = EVERYTHING) -> Slice[ServiceView]:
    """The services inside a scope that follow a place in the question's order."""
    with session():
        ids, following = slice_of(
            _joined(question, scope),
            Service.id,
            _column(question),
            Service.id,
            descending=question.descending,
            after=place,
            limit=limit,
        )
        found = {view.id: view for view in services_in(ids)}
    return Slice([found[each] for each in ids if each in found], following)


def position(question: ServiceQuestion, service_id: int, scope: Scope = EVERYTHING) -> int | None:
    """The position of a service in the question's order; None when it is not among them."""
    places = _joined(question, scope).select(
        Service.id.alias("key"), fn.ROW_NUMBER().over(order_by=_order(question)).alias("n")
    )
    with session():
        query = Service.select(SQL("n")).from_(places.alias("places")).where(SQL("key") == service_id)
        row = query.tuples().first()
    return int(row[0]) - 1 if row else None


def _joined(question: ServiceQuestion, scope: Scope) -> Any:
    query = (
        Service.select(Service.id)
        .join_from(Service, Client)
        .join_from(Service, Product)
        .join_from(Service, Vm, JOIN.LEFT_OUTER, attr="deployed")
    )
    query = inside(query, service_condition(scope))
    if question.client:
        query = query.where(Client.name == question.client)
    if question.product:
        query = query.where(Product.name == question.product)
    if question.server:
        query = query.where(
            Product.server.in_(Server.select(Server.id).where(Server.name == question.server))
        )
    if question.status:
        query = query.where(Service.status == question.status)
    if question.external_ref:
        query = query.where(Service.external_ref == question.external_ref)
    for word in question.text.split():
        query = query.where(_says(word))
    return query


def _says(word: str) -> Any:
    """Services in which a word stands: client, product, status, VM, or the id or VMID it begins."""
    columns = (Client.name, Product.name, Service.status, Vm.name)
    fits = [fn.LOWER(column).contains(word.lower()) for column in columns]
    if word.isascii() and word.isdigit() and len(word) < 10:
        fits += [Service.id.cast("TEXT").startswith(word), Vm.vmid.cast("TEXT").startswith(word)]
    return reduce(or_, fits)


def _order(question: ServiceQuestion) -> list[Any]:
    column = _column(question)
    return [column.desc() if question.descending else column.asc(), Service.id.asc()]


def _column(question: ServiceQuestion) -> Any:
    columns: dict[str, Any] = {
        "id": Service.id,
        "client": Client.name,
        "product": Product.name,
        "status": Service.status,
        "vm": fn.COALESCE(Vm.name, ""),
    }
    return columns[question.sort]
