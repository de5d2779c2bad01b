"""A VM that waits says so once, however long it waits."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator

import pytest

from engine.clock import now_ms
from engine.pipelines.context import Contexts
from engine.pipelines.registry import catalog
from engine.running import instance
from engine.schedule import process_vms
from engine.store import secrets
from engine.store.models import Client, Event, Product, Run, Server, Service, Step, Vm
from engine.work import claims, servers
from engine.work.ports import Ports
from engine.work.servers import Servers
from engine.work.task import TaskResources
from engine.work.walk import Walker
from tests.conftest import Store

MINUTE_MS = 60_000


@pytest.fixture
def handles() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.close()


@pytest.fixture
def waiting(store: Store, handles: Servers) -> tuple[Walker, Server, Vm]:
    """A VM before its clone, on a server that refuses every connection."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    uid = str(uuid.uuid4())
    server = Server.create(
        uid=uid,
        name="pve-dead",
        hosts=["127.0.0.1", "127.0.0.2"],
        port=port,
        token_id="kvmtui@pve!console",
        token_secret=secrets.seal("token", "server", uid, "token_secret"),
        tls={"insecure": True},
    )
    product = Product.create(name="P", server=server, spec={"template": 9000, "main_domain": "example.com"})
    service = Service.create(client=Client.create(name="Acme"), product=product)
    vm = Vm.create(
        uid=str(uuid.uuid4()),
        service=service,
        server=server,
        vm_status="set_ip",
        name="vm-1",
        due_at=now_ms(),
    )
    return Walker(catalog(), handles, Contexts(handles, Ports(), instance())), server, vm


def _tick(walker: Walker, server: Server, vm: Vm, minute: int) -> None:
    """What a minute does: the probe of the server, the retry of the VM, the time of the next probe."""
    Server.update(probe_at=1).where(Server.id == server.id, Server.probe_at.is_null(False)).execute()
    process_vms.run(TaskResources(walker.servers, "test", keep_going=lambda: True))
    later = now_ms() + minute * MINUTE_MS
    Server.update(probe_at=later).where(Server.id == server.id, Server.probe_at.is_null(False)).execute()
    Vm.update(due_at=1).where(Vm.id == vm.id).execute()
    for claim in claims.claim_due("test", 10):
        walker.walk(claim)


def test_an_hour_at_a_dead_server_is_one_step_and_one_event(waiting: tuple[Walker, Server, Vm]) -> None:
    walker, server, vm = waiting
    for minute in range(10):  # until the server counts as dead
        _tick(walker, server, vm, minute)
    assert Server.get_by_id(server.id).failures >= servers.GIVE_UP_AFTER
    row = Vm.get_by_id(vm.id)
    assert row.wait_kind == "server" and "pve-dead does not answer" in row.wait_why
    before = Event.select().count(), Run.select().count(), Step.select().count()
    for minute in range(10, 70):
        _tick(walker, server, vm, minute)
    assert (Event.select().count(), Run.select().count(), Step.select().count()) == before
    assert Vm.get_by_id(vm.id).wait_why == row.wait_why
