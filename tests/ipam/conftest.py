"""A site to allocate in: a server, and VMs created on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from itertools import count

import pytest

from engine.ipam.spec import PoolSpec
from engine.store.database import session
from engine.store.models import Client, Product, Server, Service, Vm

MakeVm = Callable[..., Vm]


def pool_spec(**changes: object) -> PoolSpec:
    """A usual IPv4 pool on pve1, with changes; addresses may be given as text."""
    fields: dict = {
        "server": "pve1",
        "type": "IPv4",
        "bridge": "vmbr0",
        "vlan": 0,
        "gateway": "192.0.2.1",
        "mask": 24,
        "start": "192.0.2.1",
        "stop": "192.0.2.30",
    } | changes
    for name in ("gateway", "start", "stop"):
        fields[name] = ip_address(fields[name])
    return PoolSpec(**fields)


@pytest.fixture
def server(store: object) -> Iterator[Server]:
    """The server pve1, with a connection for the test's own thread."""
    with session():
        yield Server.create(uid="s1", name="pve1", hosts=["192.0.2.250"])


@pytest.fixture
def make_vm(server: Server) -> MakeVm:
    """Create VMs of one client on pve1 (or another server), numbered from 1."""
    client = Client.create(name="Acme")
    product = Product.create(name="VPS", server=server, spec={})
    numbers = count(1)

    def make(on: Server = server) -> Vm:
        n = next(numbers)
        service = Service.create(client=client, product=product)
        return Vm.create(uid=f"v{n}", service=service, server=on, name=f"vm{n}", domain="example.com")

    return make
