"""Several engines on one database: they share the work, and one that was asleep does no harm when it wakes."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from engine.clock import now_ms
from engine.ipam import pools
from engine.ipam.spec import PoolSpec
from engine.running import Running
from engine.store import secrets
from engine.store.database import close_database, database, open_database, session, transaction
from engine.store.models import Address, Client, Product, Server, Service, Vm
from engine.work import claims, reconcile, workers
from tests.conftest import Store
from tests.crash import labproc
from tests.crash.labproc import LabProcess
from tests.forks import FORKS

VMS = 6
pytestmark = pytest.mark.timeout(300)


def engine(url: str, key_file: Path, up: Event, over: Event) -> None:
    """What the process of an engine does."""
    claims.LEASE_MS, workers.STALE_MS, workers.BEAT_S = 4000, 2500, 0.5
    reconcile.ARRIVING_MS.update(intent=200, ambiguous=300)
    open_database(url)
    secrets.use_key_file(key_file)
    running = Running("daemon", "test", workers=4)
    running.start()
    up.set()
    over.wait()
    running.stop()


@dataclass
class EngineProcess:
    """An engine, forked from a process that has imported it."""

    process: ForkServerProcess
    over: Event

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


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


def start(store: Store) -> EngineProcess:
    up, over = FORKS.Event(), FORKS.Event()
    process = FORKS.Process(target=engine, args=(store.url, store.key_file, up, over), daemon=True)
    process.start()
    assert up.wait(60), "the engine did not start"
    return EngineProcess(process, over)


def end(*engines: EngineProcess) -> None:
    for each in engines:
        each.signal(signal.SIGCONT)
        each.over.set()
    for each in engines:
        each.process.join(30)
        assert each.process.exitcode == 0
        each.process.close()


def until_ready(seconds: float = 90) -> set[str]:
    """Wait for all VMs; the workers that were seen at work on one."""
    workers: set[str] = set()
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with session():
            Vm.update(due_at=now_ms()).where(Vm.error != "", Vm.due_at.is_null()).execute()
            left = [
                (vm.service_id, vm.vm_status, vm.wait_why, vm.error)
                for vm in Vm.select().where(Vm.vm_status != "ready")
            ]
            workers |= {vm.lease_owner for vm in Vm.select().where(Vm.lease_owner != "")}
        if not left:
            return workers
        time.sleep(0.05)
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


def test_engines_share_the_work(store: Store, lab: LabProcess, vms: list[Vm]) -> None:
    engines = [start(store) for _ in range(4)]
    try:
        workers = until_ready()
    finally:
        end(*engines)
    one_of_each(lab, vms)
    assert len(workers) > 1, workers


def test_one_that_slept_past_its_lease_does_no_harm(store: Store, lab: LabProcess, vms: list[Vm]) -> None:
    sleeper, worker = start(store), start(store)
    try:
        for _ in range(2):
            time.sleep(1.5)
            sleeper.signal(signal.SIGSTOP)
            time.sleep(4.5)
            sleeper.signal(signal.SIGCONT)
        until_ready()
    finally:
        end(sleeper, worker)
    one_of_each(lab, vms)


def test_a_killed_engine_is_replaced_by_the_other(store: Store, lab: LabProcess, vms: list[Vm]) -> None:
    victim, other = start(store), start(store)
    try:
        time.sleep(3.5)
        victim.process.kill()
        victim.process.join(10)
        until_ready()
    finally:
        end(other)
        victim.process.close()
    one_of_each(lab, vms)


@pytest.mark.parametrize(
    "store", ["postgresql"], indirect=True
)  # SQLite has no connections a server could end
def test_engines_outlive_their_database_connections(store: Store, lab: LabProcess, vms: list[Vm]) -> None:
    survivor = start(store)
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
        end(survivor)
    one_of_each(lab, vms)
    close_database()
    open_database(store.url)
