"""A site with one service, whose messages are recorded; and a sender whose pauses are short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from engine.audit import Actor
from engine.store.database import session, transaction
from engine.store.models import Client, Product, Server, Service, Vm
from engine.webhooks import queue, recording
from engine.webhooks.sender import WebhookSender
from engine.work import events, record
from tests.conftest import Store
from tests.webhooks.endpoint import Endpoint, endpoint

OWNER = Actor("anna", "192.0.2.7", "cli")


@dataclass(frozen=True)
class Site:
    """The service and its VM."""

    service: int
    vm: int
    client: int
    product: int
    server: Server

    def run(self, action: str, result: str = "success", error: str = "", service: int | None = None) -> None:
        """A run of a VM that begins and ends; one that failed leaves its error on the VM when it is retried."""
        with transaction():
            vm = Vm.get(Vm.service == (service or self.service))
            run = record.start_run(vm, action, {})
            if status := {"Suspend": "Suspended", "Unsuspend": "Active"}.get(action):
                Service.update(status=status).where(Service.id == vm.service_id).execute()
            Vm.update(error=error if result == "error" and action != "Backup" else "").where(
                Vm.id == vm.id
            ).execute()
            record.end_run(vm, run, result, "ready", error)


@pytest.fixture(autouse=True)
def _recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_hooks", [])
    recording.use()


@pytest.fixture
def site(store: Store) -> Site:
    """A service of Acme on each kind of database."""
    return _site()


@pytest.fixture
def sqlite_site(sqlite_store: Store) -> Site:
    """The same on SQLite alone."""
    return _site()


def _site() -> Site:
    with session(), transaction():
        server = Server.create(uid="s", name="pve", hosts=["10.0.0.1"])
        client = Client.create(name="Acme")
        product = Product.create(name="VPS", server=server, spec={"cores": 1})
    made = Site(0, 0, client.id, product.id, server)
    service, vm = add(made, client.id, product.id)
    return Site(service, vm, client.id, product.id, server)


def add(site: Site, client: int, product: int) -> tuple[int, int]:
    """Another service with a VM."""
    with session(), transaction():
        service = Service.create(client=client, product=product, status="Active")
        name = f"vm-{service.id}"
        vm = Vm.create(
            uid=name,
            service=service,
            server=site.server,
            name=name,
            vmid=2000 + service.id,
            vm_status="ready",
        )
    return int(service.id), int(vm.id)


@pytest.fixture
def shop() -> Iterator[Endpoint]:
    """An endpoint that takes what it gets."""
    with endpoint() as found:
        yield found


@pytest.fixture
def sending(sqlite_site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookSender]:
    """A sender at work."""
    monkeypatch.setattr(queue, "PAUSES_S", (0.05, 0.1))
    monkeypatch.setattr(queue, "_SILENT_S", (0.1,))
    sender = WebhookSender()
    sender.start()
    yield sender
    assert sender.stop(5)
