"""The audit of a limited token: its services, from when they existed, and nobody else's words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import audit
from engine.audit import Actor
from engine.clock import now_ms
from engine.queries.audit import asked
from engine.queries.scoped_audit import stretch
from engine.scope import Scope
from engine.store.database import session
from engine.store.models import Client, Product, Server, Service
from tests.conftest import Store

ANNA = Actor("anna", "192.0.2.7", "console", reason="asked by Rival")


@pytest.fixture
def shop(store: Store) -> Actor:
    """A token of a shop that sees service 5546 of Acme; 5547 is Rival's."""
    with session():
        server = Server.create(uid="s", name="pve", hosts=["127.0.0.1"])
        Product.create(name="VPS-1", server=server, spec={})
        large = Product.create(name="VPS-2", server=server, spec={})
        clients = [Client.create(name=name) for name in ("Acme", "Rival")]
        for number, client in enumerate(clients):
            Service.create(id=5546 + number, client=client, product=large)
        shop = Actor("token:shop", "203.0.113.9", "api", scope=Scope(clients=frozenset([clients[0].id])))
    audit.record(ANNA, "create", "setting", "smtp", "smtp", before={}, after={"host": "mail"})
    audit.record(ANNA, "suspend", "service", "5546", "5546", before={"client": "Rival"}, after={})
    audit.record(ANNA, "suspend", "service", "5547", "5547", before={}, after={})
    audit.record(shop, "terminate", "vm", "5546", "web", before={}, after={"product": "VPS-2"}, reason="over")
    return shop


def found(actor: Actor, words: str = "") -> list[tuple[str, str]]:
    return [(each.action, each.object_id) for each in stretch(actor, asked(words), None, 50)]


def test_it_holds_its_services_alone(shop: Actor) -> None:
    assert found(shop) == [("terminate", "5546"), ("suspend", "5546")]
    assert len(found(ANNA)) == 4
    own, others = stretch(shop, asked(""), None, 50)
    assert (own.login, own.reason, own.after) == ("token:shop", "over", {"product": "VPS-2"})
    assert (others.login, others.ssh_client, others.reason) == ("***", "", "")
    assert others.before == {"client": "***"}


def test_products_outside_are_masked(shop: Actor) -> None:
    limited = replace(shop, scope=Scope(products=frozenset([Product.get(Product.name == "VPS-2").id])))
    audit.record(
        ANNA, "change", "service", "5546", "5546", before={"product": "VPS-1"}, after={"product": "VPS-2"}
    )
    newest = stretch(limited, asked("what:change"), None, 1)[0]
    assert (newest.before, newest.after) == ({"product": "***"}, {"product": "VPS-2"})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("what:suspend", ["suspend"]),
        ("object:vm", ["terminate"]),
        ("object:service:5546", ["suspend"]),
        ("object:5547", []),
        ("who:token", ["terminate"]),
        ("who:anna", []),
        ("who:192", []),
        ("Rival", []),
        ("asked", []),
        ("web", ["terminate"]),
        ("since:1h", ["terminate", "suspend"]),
        ("until:2020-01-01", []),
    ],
)
def test_filters_do_not_match_what_is_masked(shop: Actor, words: str, expected: list[str]) -> None:
    assert [action for action, _ in found(shop, words)] == expected


def test_what_happened_under_its_number_before_it_existed_is_not_its_own(shop: Actor) -> None:
    with session():
        Service.update(created_at=now_ms() + 1).where(Service.id == 5546).execute()
    assert found(shop) == []
    assert [each.id for each in stretch(shop, asked(""), 1, 50)] == []
