"""Rows the runner works on, without any cluster."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from engine.clock import now_ms
from engine.store.models import Client, Product, Server, Service, Vm
from tests.conftest import Store

_numbers = itertools.count(1)


@pytest.fixture
def server(store: Store) -> Server:
    """A server nobody talks to."""
    return make_server()


def make_server(**fields: Any) -> Server:
    """A server's row."""
    n = next(_numbers)
    given = {"uid": str(uuid.uuid4()), "name": f"pve-{n}", "hosts": ["127.0.0.1"]} | fields
    return Server.create(**given)


@pytest.fixture
def make_vm(server: Server) -> Callable[..., Vm]:
    """Create a service with its VM, due now by default."""
    client = Client.create(name="Acme")
    product = Product.create(name="VPS", server=server, spec={})

    def make(**fields: Any) -> Vm:
        service = Service.create(client=client, product=product)
        given = {"uid": str(uuid.uuid4()), "service": service, "server": server, "due_at": now_ms()} | fields
        return Vm.create(**given)

    return make
