"""A query that is built once gives the rows of the query it was built from, on both databases."""

from __future__ import annotations

import json

import pytest

from engine.audit import Actor, record, verify_chain
from engine.store.compiled import Compiled, Insert, insert_rows
from engine.store.database import database, now_expression
from engine.store.models import Client, Event, Product, Server, Service, Vm
from tests.conftest import Store

JOINED: Compiled[Service] = Compiled(
    lambda client, name: (
        Service.select(Service, Product, Server)
        .join(Product)
        .join(Server)
        .where(Service.client == client, Product.name == name, Server.port.in_((8006, 8007)))
        .order_by(Service.id)
    ),
    2,
)


def test_the_rows_are_those_of_the_query(store: Store) -> None:
    server = Server.create(
        uid="u", name="pve", hosts=["192.0.2.1"], port=8006, token_id="a@pve!b", token_secret="k:AA"
    )
    clients = [Client.create(name=name) for name in ("Acme", "Other")]
    products = [Product.create(name=name, server=server, spec={}) for name in ("S", "M")]
    for client in clients:
        for product in (*products, products[0]):
            Service.create(client=client, product=product)
    for client in clients:
        for product in products:
            found = JOINED.rows(client.id, product.name)
            plain = (
                Service.select()
                .where(Service.client == client, Service.product == product)
                .order_by(Service.id)
            )
            assert [row.id for row in found] == [row.id for row in plain] and found
            assert {(row.product.name, row.product.server.name) for row in found} == {(product.name, "pve")}
    assert JOINED.rows(clients[0].id, "none") == [] and JOINED.first(0, "S") is None


def test_it_asks_only_for_the_rows_themselves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    test_the_rows_are_those_of_the_query(store)
    sent: list[str] = []
    execute = database.obj.execute_sql
    monkeypatch.setattr(
        database.obj, "execute_sql", lambda sql, params=None: (sent.append(sql), execute(sql, params))[1]
    )
    row = JOINED.first(Client.get().id, "S")
    assert row is not None and row.product.server.port == 8006
    assert len(sent) == 2  # the client of this test, and the row with all it is joined to


def test_a_row_that_is_inserted_alone_is_the_row_of_the_model(store: Store) -> None:
    server = Server.create(uid="u", name="pve", hosts=["192.0.2.1"], tls={"system": True})
    product = Product.create(name="S", server=server, spec={"cores": 2})
    client = Client.create(name="Acme")
    values = {"client": client.id, "product": product.id, "options": {"memory": 4096}}
    insert_rows(Service, [values])
    insert_rows(Service, [values, values])
    alone, *both = list(Service.select().order_by(Service.id).dicts())
    for row in both:
        assert {**row, "id": 0, "created_at": 0} == {**alone, "id": 0, "created_at": 0}
    for number, due in ((alone["id"], now_expression()), (both[0]["id"], 5)):
        insert_rows(Vm, [{"uid": f"u{number}", "service": number, "server": server.id, "due_at": due}])
    first, second = list(Vm.select().order_by(Vm.id))
    assert (
        first.due_at > second.due_at == 5
        and first.plan == second.plan == {}
        and first.vm_status == "creation"
    )


def test_the_audit_chain_holds_over_rows_that_are_inserted_alone(store: Store) -> None:
    for number in range(3):
        record(Actor("anna"), "change", "client", str(number), "Acme", {"a": "ä"}, {"a": [1, None]})
    assert verify_chain() == []


def test_any_number_of_rows_is_inserted_in_order_as_given(store: Store) -> None:
    insert = Insert("event", {"at": "BIGINT", "kind": "TEXT", "vm": "INTEGER", "text": "TEXT"} | REST)
    for number in (1, 3, 250):
        Event.delete().execute()
        given = [(2**40 + n, "note", n if n % 2 else None, TEXTS[n % 4], "info", "{}") for n in range(number)]
        insert.rows(given)
        rows = Event.select().order_by(Event.id)
        assert [
            (row.at, row.kind, row.vm, row.text, row.level, json.dumps(row.data)) for row in rows
        ] == given


REST = {"level": "TEXT", "data": "TEXT"}
TEXTS = ("", "“it's” ? %s\n", '{"a": [1, null]}', "ünï \x1b ")
