"""Several engines on one database: they share the work, and one that was asleep does no harm when it wakes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from engine.clock import now_ms
from engine.ipam import pools
from engine.ipam.spec import PoolSpec
from engine.store import secrets
from engine.store.database import close_database, open_database, session, transaction
from engine.store.models import Address, Client, Product, Server, Service, Vm
from tests.conftest import Store
from tests.crash import labproc
from tests.crash.labproc import LabProcess

VMS = 8
pytestmark = pytest.mark.timeout(300)
_ENGINE = """
import sys, time
from pathlib import Path
from engine.work import claims, workers
from engine.work import reconcile
from engine.running import Running
from engine.store import secrets
from engine.store.database import open_database
claims.LEASE_MS, workers.STALE_MS, workers.BEAT_S = 4000, 2500, 0.5
reconcile.ARRIVING_MS.update(intent=200, ambiguous=300)
open_database(sys.argv[1])
secrets.use_key_file(Path(sys.argv[2]))
running = Running("daemon", "test", workers=4)
running.start()
print("up", flush=True)
sys.stdin.read()
running.stop()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """A cluster where a deploy takes some seconds; each test has numbers of its own on it."""
    with labproc.running(speed=25) as lab:
        yield lab


@pytest.fixture
def vms(store: Store, lab: LabProcess) -> list[Vm]:
    """Services that wait to be deployed."""
    spec = {
        "template": 9002,
        "clone": "full",
        "first_vmid": max([4999, *(vmid for vmid in lab.guests() if vmid < 9000)]) + 1,
        "name_rule": "vm-{service_id}",
        "system_disk": {"storage": "local-lvm", "size": 12},
        "additional_disk": {"storage": "local-lvm", "size": 3},
    }
    with transaction():
        server = Server.create(
            uid="lab",
            name="lab",
            hosts=["127.0.0.1"],
            port=lab.port,
            token_id=lab.token_id,
            token_secret=secrets.seal(lab.token_secret, "server", "lab", "token_secret"),
            tls={"fingerprint": lab.fingerprint},
        )
        first, last = ip_address("10.20.0.10"), ip_address("10.20.0.99")
        pools.create_pool(PoolSpec("lab", "IPv4", "vmbr0", 0, ip_address("10.20.0.1"), 24, first, last))
        product = Product.create(name="P", server=server, spec=spec)
        client = Client.create(name="Acme")
        made = []
        for _ in range(VMS):
            service = Service.create(client=client, product=product)
            made.append(
                Vm.create(uid=str(uuid.uuid4()), service=service, server=server, due_at=now_ms() + 2000)
            )
    return made


def start(store: Store) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _ENGINE, store.url, str(store.key_file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    return process


def end(*engines: subprocess.Popen[str]) -> None:
    for engine in engines:
        engine.send_signal(signal.SIGCONT)
        assert engine.stdin is not None and engine.stdout is not None
        engine.stdin.close()
    for engine in engines:
        assert engine.wait(30) == 0
        assert engine.stdout is not None
        engine.stdout.close()


def until_ready(seconds: float = 90) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with session():
            Vm.update(due_at=now_ms()).where(Vm.error != "", Vm.due_at.is_null()).execute()
            left = [
                (vm.service_id, vm.vm_status, vm.wait_why, vm.error)
                for vm in Vm.select().where(Vm.vm_status != "ready")
            ]
        if not left:
            return
        time.sleep(0.2)
    raise AssertionError(f"not ready: {left}")


def one_of_each(lab: LabProcess, vms: list[Vm]) -> None:
    with session():
        first = Product.get().spec["first_vmid"]
    guests = {vmid: guest for vmid, guest in lab.guests(first).items() if vmid < 9000}
    assert len(guests) == len(vms)
    for vm in vms:
        ours = [guest for guest in guests.values() if vm.uid in guest["description"]]
        assert len(ours) == 1
        config = ours[0]["config"]
        assert "scsi2" not in config and not [key for key in config if key.startswith("unused")]
    with session():
        assert len({str(row.address) for row in Address.select()}) == len(vms)
    took = Counter(effect["vmid"] for effect in lab.get("effects") if effect["action"] == "clone")
    assert all(count == 1 for vmid, count in took.items() if first <= vmid < 9000), took


@pytest.mark.parametrize("count", [2, 4])
def test_engines_share_the_work(store: Store, lab: LabProcess, vms: list[Vm], count: int) -> None:
    engines = [start(store) for _ in range(count)]
    try:
        until_ready()
    finally:
        end(*engines)
    one_of_each(lab, vms)


def test_one_that_slept_past_its_lease_does_no_harm(store: Store, lab: LabProcess, vms: list[Vm]) -> None:
    sleeper, worker = start(store), start(store)
    try:
        for _ in range(3):
            time.sleep(1.5)
            sleeper.send_signal(signal.SIGSTOP)
            time.sleep(4.5)
            sleeper.send_signal(signal.SIGCONT)
        until_ready()
    finally:
        end(sleeper, worker)
    one_of_each(lab, vms)


def test_a_killed_engine_is_replaced_by_the_other(store: Store, lab: LabProcess, vms: list[Vm]) -> None:
    victim, other = start(store), start(store)
    try:
        time.sleep(3.5)
        victim.kill()
        victim.wait(10)
        until_ready()
    finally:
        end(other)
        assert victim.stdin is not None and victim.stdout is not None
        victim.stdin.close()
        victim.stdout.close()
    one_of_each(lab, vms)


@pytest.mark.parametrize(
    "store", ["postgresql"], indirect=True
)  # SQLite has no connections a server could end
def test_engines_outlive_their_database_connections(store: Store, lab: LabProcess, vms: list[Vm]) -> None:
    from engine.store.database import database

    engine = start(store)
    try:
        for _ in range(4):
            time.sleep(1.2)
            with session():
                database.execute_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        until_ready()
    finally:
        end(engine)
    one_of_each(lab, vms)
    close_database()
    open_database(store.url)
