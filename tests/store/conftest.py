"""A small site to work on: one server, product, client, service and VM, made straight in the tables."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine.store import secrets
from engine.store.database import transaction
from engine.store.models import Client, Outbox, Product, Server, Service, Vm, Zone
from engine.store.settings import Smtp, write
from tests.conftest import Store

CLEAR = ("clear-token", "clear-password", "clear-key", "clear-second", "clear-os", "clear-mail", "clear-smtp")


@dataclass(frozen=True)
class Site:
    """The rows of the small site."""

    store: Store
    server: Server
    vm: Vm


@pytest.fixture
def site(store: Store) -> Site:
    """The small site, with one secret in every column that is sealed."""
    return build(store)


def build(store: Store) -> Site:
    """Fill an open database with the small site."""
    seal = secrets.seal
    with transaction():
        server = Server.create(
            uid="s-1",
            name="pve",
            hosts=["10.0.0.1"],
            token_secret=seal("clear-token", "server", "s-1", "token_secret"),
            password=seal("clear-password", "server", "s-1", "password"),
        )
        kept = {name: seal(f"clear-{name}", "zone", "z-1", name) for name in ("key", "second")}
        Zone.create(uid="z-1", name="example.com", type="powerdns", endpoint="http://x", secrets=kept)
        product = Product.create(name="VPS", server=server, spec={})
        client = Client.create(name="Acme")
        service = Service.create(client=client, product=product, status="Active")
        sealed = seal("clear-os", "vm", "v-1", "os_password")
        vm = Vm.create(uid="v-1", service=service, server=server, os_password=sealed, name="vm-1")
        context = seal("clear-mail", "outbox", "o-1", "context")
        Outbox.create(uid="o-1", key="k", template="ready", recipient="a@b.example", context=context)
        write(Smtp(host="mail.example", password="clear-smtp"))
    return Site(store, server, vm)
