"""End to end: VMs in the database, a real PowerDNS server, the ledger, and answers over DNS."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from engine.dns import ledger, sync
from engine.dns.query import NameServer, ask
from engine.dns.sender import DnsSender
from engine.store import secrets
from engine.store.models import Address, Client, DnsRecord, Product, Server, Service, Vm, Zone
from tests.conftest import Store
from tests.dns.bench import FORWARD, REVERSE
from tests.dns.powerdns_server import PowerDnsServer

MakeVm = Callable[..., Vm]


@pytest.fixture
def zone(sqlite_store: Store, pdns: PowerDnsServer) -> Callable[..., Zone]:
    def make(name: str, key: str = "") -> Zone:
        uid = str(uuid.uuid4())
        sealed = {"api_key": secrets.seal(key or pdns.key, "zone", uid, "api_key")}
        config = {"server_url": pdns.url}
        return Zone.create(
            uid=uid, name=name, type="powerdns", endpoint=pdns.url, config=config, secrets=sealed
        )

    return make


@pytest.fixture(autouse=True)
def sender(sqlite_store: Store) -> Iterator[DnsSender]:
    """The sender of a running engine."""
    running = DnsSender()
    running.start()
    yield running
    running.stop(5)


@pytest.fixture
def make_vm(sqlite_store: Store) -> MakeVm:
    server = Server.create(uid="s", name="pve", hosts=["127.0.0.1"])
    product = Product.create(name="P", server=server, spec={})
    client = Client.create(name="Acme")

    def make(name: str, *addresses: str) -> Vm:
        service = Service.create(client=client, product=product)
        vm = Vm.create(uid=str(uuid.uuid4()), service=service, server=server, name=name, domain=FORWARD)
        for place, one in enumerate(addresses):
            Address.create(
                server=server, bridge="vmbr0", address=ip_address(one), vm=vm, position=place, prefix=24
            )
        return vm

    return make


def contents(server: NameServer, name: str, kind: str) -> list[str]:
    return sorted(ask(name, kind, server).contents)


def test_sync_writes_both_ways_and_a_second_one_writes_nothing(
    zone: Callable[..., Zone], make_vm: MakeVm, pdns: PowerDnsServer, name_server: NameServer
) -> None:
    zone(FORWARD), zone(REVERSE)
    vm = make_vm("web-1", "192.0.2.10")
    report = sync.sync([vm])[vm.id]
    assert report.errors == 0
    assert report.lines[0].startswith(f"fwd OK  web-1.{FORWARD} A 192.0.2.10 @ {FORWARD}/PowerDNS")
    assert contents(name_server, f"web-1.{FORWARD}", "A") == ["192.0.2.10"]
    assert contents(name_server, f"10.{REVERSE}", "PTR") == [f"web-1.{FORWARD}"]
    assert {row.state for row in DnsRecord.select()} == {"written"}
    before = pdns.serial(FORWARD)
    assert sync.sync([vm])[vm.id].errors == 0
    assert pdns.serial(FORWARD) == before
    assert all(line.startswith("=") for line in sync.preview(vm))


def test_a_new_address_replaces_the_old_record_and_a_reverse_name_is_kept(
    zone: Callable[..., Zone], make_vm: MakeVm, name_server: NameServer
) -> None:
    zone(FORWARD), zone(REVERSE)
    vm = make_vm("web-1", "192.0.2.10")
    sync.sync([vm])
    Address.update(address=ip_address("192.0.2.20"), rdns="mail.example.org").execute()
    assert any(line.startswith("~ ") for line in sync.preview(vm))
    sync.sync([vm])
    assert contents(name_server, f"web-1.{FORWARD}", "A") == ["192.0.2.20"]
    assert contents(name_server, f"10.{REVERSE}", "PTR") == []
    assert contents(name_server, f"20.{REVERSE}", "PTR") == ["mail.example.org"]


def test_foreign_records_stay_through_sync_and_clear(
    zone: Callable[..., Zone], make_vm: MakeVm, pdns: PowerDnsServer, name_server: NameServer
) -> None:
    zone(FORWARD)
    pdns.put(FORWARD, f"web-1.{FORWARD}", "A", "198.51.100.7")
    vm = make_vm("web-1", "192.0.2.10")
    report = sync.sync([vm])[vm.id]
    assert any("!" in line and "198.51.100.7" in line for line in report.lines)
    assert contents(name_server, f"web-1.{FORWARD}", "A") == ["192.0.2.10", "198.51.100.7"]
    sync.clear([vm])
    assert contents(name_server, f"web-1.{FORWARD}", "A") == ["198.51.100.7"]
    assert DnsRecord.select().count() == 0


def test_a_wrong_key_leaves_the_record_pending_until_a_later_sync(
    zone: Callable[..., Zone], make_vm: MakeVm, pdns: PowerDnsServer, name_server: NameServer
) -> None:
    row = zone(FORWARD, key="wrong-key-wrong")
    vm = make_vm("web-1", "192.0.2.10")
    report = sync.sync([vm])[vm.id]
    assert report.errors == 1 and "fwd ERR" in report.lines[0] and "Unauthorized" in report.lines[0]
    assert [(one.state, one.claimed) for one in DnsRecord.select()] == [("pending", False)]
    row.secrets = {"api_key": secrets.seal(pdns.key, "zone", row.uid, "api_key")}
    row.save()
    assert sync.sync([vm])[vm.id].errors == 0
    assert contents(name_server, f"web-1.{FORWARD}", "A") == ["192.0.2.10"]


def test_a_crash_between_sending_and_writing_down_leaves_the_record_ours(
    zone: Callable[..., Zone],
    make_vm: MakeVm,
    name_server: NameServer,
    monkeypatch: pytest.MonkeyPatch,
    sender: DnsSender,
) -> None:
    zone(FORWARD)
    vm = make_vm("web-1", "192.0.2.10")
    crashed = threading.Event()

    def killed(*_: object) -> None:
        crashed.set()
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "settle", killed)
        sync.sync([vm], patience_s=0.2)
        assert crashed.wait(5)
        sender.stop(5)
    assert contents(name_server, f"web-1.{FORWARD}", "A") == ["192.0.2.10"]
    assert [(one.state, one.claimed) for one in DnsRecord.select()] == [("pending", True)]
    successor = DnsSender()
    successor.start()
    assert sync.clear([vm])[vm.id].errors == 0
    assert contents(name_server, f"web-1.{FORWARD}", "A") == []
    successor.stop(5)


def test_many_at_once_are_all_written(
    zone: Callable[..., Zone], make_vm: MakeVm, name_server: NameServer
) -> None:
    zone(FORWARD), zone(REVERSE)
    vms = [make_vm(f"web-{n}", f"192.0.2.{n}") for n in range(10, 26)]
    threads = [threading.Thread(target=lambda vm=vm: sync.sync([vm])) for vm in vms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(10, 26):
        assert contents(name_server, f"web-{n}.{FORWARD}", "A") == [f"192.0.2.{n}"]
    assert {row.state for row in DnsRecord.select()} == {"written"}
