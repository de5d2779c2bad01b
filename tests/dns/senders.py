"""What the tests of the DNS sender share: a server with a gate, VMs with names, and steps that wait for answers."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from engine.dns import sync
from engine.dns.provider import Timing
from engine.dns.sender import DnsSender, Settings
from engine.store import secrets
from engine.store.database import session
from engine.store.models import (
    Address,
    Client,
    DnsRecord,
    Event,
    Product,
    Server,
    Service,
    Vm,
    Zone,
)
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
from kvmtui.lab.dns.server import FakeRequest, FakeResponse
from tests.conftest import Store

KEY = "a-key-of-the-lite-server"
FORWARD, REVERSE, OTHER = "example.net", "2.0.192.in-addr.arpa", "example.org"
QUICK = Settings(
    timing=Timing(connect=1.0, read=0.5, total=3.0), pauses_s=(0.1,), slow_pauses_s=(0.1,), check_again_s=0.1
)
PATIENT = replace(QUICK, timing=Timing(connect=2.0, read=20.0, total=30.0))
SOON = 20.0
"""Longer than anything here may take; who is not done by then waits for something that never comes."""


class Gated(PowerDnsLite):
    """Hold the responses while the gate is closed, and count concurrent requests."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Semaphore(0)
        self.most = 0
        self._now = 0

    def answer(self, request: FakeRequest) -> FakeResponse:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.asked.release()
        try:
            assert self.gate.wait(SOON)
            return super().answer(request)
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def provider() -> Iterator[Gated]:
    with Gated() as server:
        for zone in (FORWARD, REVERSE, OTHER):
            server.add_zone(zone)
        yield server


@pytest.fixture
def neighbour() -> Iterator[Gated]:
    with Gated() as server:
        server.add_zone(REVERSE)
        yield server


def add_zone(server: PowerDnsLite, name: str, ending: str = "") -> Zone:
    uid, url = str(uuid.uuid4()), server.url + ending
    sealed = {"api_key": secrets.seal(KEY, "zone", uid, "api_key")}
    return Zone.create(
        uid=uid, name=name, type="powerdns", endpoint=url, config={"server_url": url}, secrets=sealed
    )


MakeVm = Callable[[int], Vm]


@pytest.fixture
def make_vm(store: Store) -> MakeVm:
    cluster = Server.create(uid="s", name="pve", hosts=["127.0.0.1"])
    product = Product.create(name="P", server=cluster, spec={})
    client = Client.create(name="Acme")

    def make(number: int) -> Vm:
        service = Service.create(client=client, product=product)
        vm = Vm.create(
            uid=str(uuid.uuid4()), service=service, server=cluster, name=f"vm-{number}", domain=FORWARD
        )
        address = ip_address(f"192.0.2.{number}")
        Address.create(server=cluster, bridge="vmbr0", address=address, vm=vm, prefix=24)
        return vm

    return make


@pytest.fixture
def start(store: Store) -> Iterator[Callable[[Settings], DnsSender]]:
    running: list[DnsSender] = []

    def starter(settings: Settings = QUICK) -> DnsSender:
        running.append(DnsSender(settings))
        running[-1].start()
        return running[-1]

    yield starter
    for sender in running:
        sender.stop(SOON)


class Step(threading.Thread):
    """A step of a pipeline that sets the names of a VM."""

    def __init__(self, vm: Vm, patience_s: float = 3.0, clear: bool = False) -> None:
        super().__init__(daemon=True)
        self._work = lambda: (sync.clear if clear else sync.sync)([vm], patience_s)[vm.id]
        self.start()

    def run(self) -> None:
        self._report = self._work()

    def lines(self) -> list[str]:
        """What it logged; it must have gone on."""
        self.join(SOON)
        assert not self.is_alive(), "a step waits for a DNS server"
        return list(self._report.lines)


def states() -> set[str]:
    with session():
        return {row.state if row.due_at is None else f"{row.state}, due" for row in DnsRecord.select()}


def said(word: str) -> list[str]:
    with session():
        return [event.text for event in Event.select().order_by(Event.id) if word in event.text]
