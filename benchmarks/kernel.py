"""Measure the throughput of the work kernel: steps that do nothing, from claim to commit.

    python benchmarks/kernel.py [--vms 200] [--steps 20] [--postgres]

Prints steps per second and CPU time per step, with one engine and with two on the same database. Uses a temporary
SQLite database, or with --postgres a private PostgreSQL server.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from engine.clock import now_ms
from engine.store.database import open_database, session
from engine.store.migrate import migrate
from engine.store.models import Client, Product, Server, Service, Step, Vm
from engine.store.urls import sqlite_url

_WORKER = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
from engine.store.database import open_database, session
from engine.store.models import Vm
from engine.work.engine import Engine
from tests.work.small import command, done, walker
open_database(sys.argv[2])
engine = Engine(walker(command("Nothing", *[done] * int(sys.argv[3]))), "daemon", "bench")
print("ready", flush=True)
sys.stdin.readline()
engine.start()
with session():
    while Vm.select().where(Vm.due_at.is_null(False)).exists():
        time.sleep(0.02)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, flush=True)
engine.stop()
"""


@contextlib.contextmanager
def database(postgres: bool) -> Iterator[str]:
    """The URL of an empty database."""
    with contextlib.ExitStack() as stack:
        if postgres:
            from tests.postgres import PostgresServer

            server = stack.enter_context(PostgresServer.running())
            yield server.url(server.create())
            return
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        yield sqlite_url(Path(folder) / "kvmtui.db")


def fill(vms: int, steps: int) -> None:
    """Create VMs, each with one queued request."""
    from tests.work.small import ask

    server = Server.create(uid=str(uuid.uuid4()), name="none", hosts=["127.0.0.1"])
    client = Client.create(name="Acme")
    product = Product.create(name="VPS", server=server, spec={})
    for _ in range(vms):
        service = Service.create(client=client, product=product)
        vm = Vm.create(uid=str(uuid.uuid4()), service=service, server=server, vm_status="ready")
        ask(vm, "Nothing")
    Vm.update(due_at=now_ms()).execute()


def measure(postgres: bool, engines: int, vms: int, steps: int) -> tuple[float, float]:
    """Steps per second, and CPU milliseconds per step."""
    with database(postgres) as url:
        open_database(url)
        migrate()
        with session():
            fill(vms, steps)
        root = str(Path(__file__).parent.parent)
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", _WORKER, root, url, str(steps)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(engines)
        ]  # fmt: skip
        for worker in workers:
            assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        began = time.monotonic()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        cpu = sum(float(worker.stdout.readline()) for worker in workers if worker.stdout is not None)
        seconds = time.monotonic() - began
        for worker in workers:
            worker.wait(20)
        with session():
            done = Step.select().count()
        from engine.store.database import close_database

        close_database()
    assert done == vms * steps, f"{done} of {vms * steps} steps were recorded"
    return done / seconds, cpu * 1000 / done


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vms", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    for engines in (1, 2):
        rounds = [measure(given.postgres, engines, given.vms, given.steps) for _ in range(given.rounds)]
        rate = statistics.median(rate for rate, _ in rounds)
        cpu = statistics.median(cpu for _, cpu in rounds)
        kind = "PostgreSQL" if given.postgres else "SQLite"
        print(
            f"{kind}, {engines} engine{'s' if engines > 1 else ''}: {rate:.0f} steps/s, {cpu:.2f} ms CPU per step"
        )


if __name__ == "__main__":
    main()
