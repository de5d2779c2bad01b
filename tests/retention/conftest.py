"""Rows of every table that grows, some of them old."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from engine.clock import now_ms
from engine.store.models import Client, Product, Run, Server, Service, Step, Vm
from tests.conftest import Store

DAY_MS = 86_400_000


def days_ago(days: float) -> int:
    """A moment in the past."""
    return now_ms() - int(days * DAY_MS)


@pytest.fixture
def server(store: Store) -> Server:
    """A server nobody talks to."""
    return Server.create(uid=str(uuid.uuid4()), name="pve", hosts=["127.0.0.1"])


@pytest.fixture
def make_vm(server: Server) -> Callable[..., Vm]:
    """Create a VM; by default it is idle on a node."""
    client = Client.create(name="Acme")
    product = Product.create(name="VPS", server=server, spec={})

    def make(**fields: Any) -> Vm:
        service = Service.create(
            client=client, product=product, status=fields.pop("service_status", "Active")
        )
        given = {"vm_status": "ready", "node": "pve1", "vmid": 100} | fields
        return Vm.create(uid=str(uuid.uuid4()), service=service, server=server, **given)

    return make


def make_run(vm: Vm, days: float, **fields: Any) -> Run:
    """A run with two steps that ended so many days ago."""
    given = {"action": "Backup", "from_status": "ready", "result": "success", "finished_at": days_ago(days)}
    run = Run.create(vm=vm, started_at=days_ago(days), **given | fields)
    for n in (1, 2):
        Step.create(run=run, n=n, step=f"Backup.{n}", label="Back up", from_status="ready", result="success")
    return run
