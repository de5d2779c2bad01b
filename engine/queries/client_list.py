"""The list of clients a page at a time, whatever its size."""

from __future__ import annotations

from typing import Any

from peewee import fn

from engine.actions.lookup import found
from engine.queries.inventory import ClientView, client_view
from engine.queries.keyset import Slice, order, slice_of
from engine.queries.scoping import client_condition, inside, service_condition
from engine.scope import EVERYTHING, Scope
from engine.store.database import session
from engine.store.models import Client, Service

SORTS = ("id", "name", "email")


def after(
    text: str = "", sort: str = "", place: str = "", limit: int = 100, scope: Scope = EVERYTHING
) -> Slice[ClientView]:
    """The clients inside a scope that follow a place, and hold each word of the text in name or e-mail address."""
    name, descending = order(sort, SORTS)
    with session():
        query = inside(Client.select(Client.id), client_condition(scope))
        for word in text.lower().split():
            query = query.where(fn.LOWER(Client.name).contains(word) | fn.LOWER(Client.email).contains(word))
        ids, following = slice_of(
            query,
            Client.id,
            getattr(Client, name),
            Client.id,
            descending=descending,
            after=place,
            limit=limit,
        )
        views = {view.id: view for view in _views(Client.id.in_(ids), scope)}
    return Slice([views[each] for each in ids if each in views], following)


def client(client_id: int, scope: Scope = EVERYTHING) -> ClientView:
    """A client inside a scope by its number."""
    with session():
        found(Client, Client.id == client_id, f"client {client_id}", client_condition(scope))
        return _views(Client.id == client_id, scope)[0]


def _views(condition: Any, scope: Scope) -> list[ClientView]:
    rows = list(Client.select().where(condition))
    numbers = [row.id for row in rows]
    counted: Any = inside(
        Service.select(Service.client, fn.COUNT(Service.id))
        .where(Service.client.in_(numbers))
        .group_by(Service.client),
        service_condition(scope),
    )
    counts: dict[int, int] = dict(counted.tuples())
    return [client_view(row, counts.get(row.id, 0)) for row in rows]
