"""Numbers of services: of many made at once each gets its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from engine.actions.services import create_service
from engine.audit import Actor
from engine.forms import ServiceForm
from engine.store.models import Client, Product, Server, Vm
from tests.conftest import Store

ME = Actor("noc", "", "cli")


def test_services_made_at_once_have_numbers_of_their_own(store: Store) -> None:
    Product.create(name="P", server=Server.create(uid="s", name="pve", hosts=[]), spec={})
    Client.create(name="Acme", email="ops@acme.example")
    form = ServiceForm(client="Acme", product="P")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create_service(form, ME).id, range(16)))
    assert sorted(made) == list(range(1, 17))
    assert Vm.select().count() == 16
