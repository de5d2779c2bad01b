"""Measure an idle site: the cost of a tick over 10,000 VMs, and the delay from a request to its first call.

python -m benchmarks.tick [--vms 10000]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from engine.clock import now_ms
from engine.pipelines.context import Contexts
from engine.pipelines.registry import catalog
from engine.plan import effective
from engine.running import instance
from engine.schedule import process_vms
from engine.store import secrets
from engine.store.database import in_transaction, open_database, transaction
from engine.store.migrate import migrate
from engine.store.models import Client, Product, Server, Service, Vm
from engine.store.urls import sqlite_url
from engine.work import wake, workers
from engine.work.engine import Engine
from engine.work.ports import Ports
from engine.work.servers import Servers
from engine.work.task import TaskResources
from engine.work.walk import Walker
from kvmtui.lab import Lab

_REQUEST = """
import sys
from engine.work import wake
from engine.clock import now_ms
from engine.store.database import in_transaction, open_database
from engine.store.models import Vm
open_database(sys.argv[1])
def work():
    Vm.update(requests=[{"pipeline": "Start", "action": "Start", "args": {}}], due_at=now_ms()).where(
        Vm.id == int(sys.argv[2])).execute()
    wake.notify()
in_transaction(work)
import time
print(time.time())
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vms", type=int, default=10_000)
    count = parser.parse_args().vms
    with tempfile.TemporaryDirectory() as home, Lab(speed=50) as lab:
        url = _site(Path(home), lab, count)
        servers = Servers()
        _tick(lab, servers, count)
        _latency(lab, servers, url)
        servers.close()


def _site(home: Path, lab: Lab, count: int) -> str:
    home.chmod(0o700)
    url = sqlite_url(home / "kvmtui.db")
    open_database(url)
    migrate()
    secrets.use_key_file(home / "secret.key")
    with transaction():
        server = Server.create(
            uid="bench",
            name="lab",
            hosts=["127.0.0.1"],
            port=lab.port,
            token_id=lab.token_id,
            token_secret=secrets.seal(lab.token_secret, "server", "bench", "token_secret"),
            tls={"fingerprint": lab.fingerprint},
        )
        product = Product.create(name="P", server=server, spec={})
        client = Client.create(name="Acme")
        plan = effective({}, {}).as_dict()
        for number in range(count):
            service = Service.create(client=client, product=product, status="Active")
            Vm.create(
                uid=str(uuid.uuid4()),
                service=service,
                server=server,
                vm_status="ready",
                vmid=10_000 + number,
                node="pve1",
                name=f"vm-{number}",
                plan=plan,
                remote_status="stopped",
            )
    for number in range(count):
        lab.foreign_create(10_000 + number, "pve1", f"vm-{number}")
    return url


def _tick(lab: Lab, servers: Servers, count: int) -> None:
    resources = TaskResources(servers, "bench", keep_going=lambda: True)
    process_vms.run(resources)  # the first tick records the states
    cpu, requests = [], []
    for _ in range(5):
        seen, before = lab.requests.count, time.thread_time()
        process_vms.run(resources)
        cpu.append(time.thread_time() - before)
        requests.append(lab.requests.count - seen)
    median = statistics.median(cpu)
    print(f"tick over {count} idle VMs: {median:.3f} s CPU, {max(requests)} API requests")


def _latency(lab: Lab, servers: Servers, url: str) -> None:
    engine = Engine(Walker(catalog(), servers, Contexts(servers, Ports(), instance())), "daemon", "bench", 4)
    engine.start()
    time.sleep(1)
    here = [_first_call(lab, lambda n=n: _request_here(n + 1)) for n in range(5)]
    there = [_first_call(lab, lambda n=n: _request_elsewhere(url, n + 10)) for n in range(5)]
    engine.stop()
    workers.leave(engine.owner)
    near, far = statistics.median(here), statistics.median(there)
    print(f"request to first call: {near:.3f} s in the same process, {far:.3f} s from another process")


def _request_here(vm_id: int) -> float:
    def work() -> None:
        request = [{"pipeline": "Start", "action": "Start", "args": {}}]
        Vm.update(requests=request, due_at=now_ms()).where(Vm.id == vm_id).execute()
        wake.notify()

    in_transaction(work)
    return time.time()


def _request_elsewhere(url: str, vm_id: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _REQUEST, url, str(vm_id)], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def _first_call(lab: Lab, send: Callable[[], float]) -> float:
    seen = lab.requests.count
    sent = send()
    while lab.requests.count == seen:
        time.sleep(0.002)
    return max(0.0, time.time() - sent)


if __name__ == "__main__":
    main()
