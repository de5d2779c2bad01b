"""Sixteen threads in each of four processes: no address is given twice, none is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from peewee import IntegrityError, fn

from engine.errors import Failed
from engine.ipam import pools, ranges
from engine.ipam.allocate import Want, allocate
from engine.ipam.spans import span
from engine.store.database import session, transaction
from engine.store.models import Address, Server, Vm

from .conftest import MakeVm, pool_spec

THREADS = 16
PROCESSES = 4
ROOT = Path(__file__).parents[2]

# what each process runs: its share of the VMs, one thread each
WORKER = """
import sys, threading
from engine.ipam.allocate import Want, allocate, release
from engine.store.database import close_database, in_transaction, open_database, session
from engine.store.models import Vm

url, share, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
open_database(url)
wrong = []

def work(uids):
    try:
        for uid in uids:
            with session():
                vm = Vm.get(Vm.uid == uid)
                in_transaction(lambda: allocate(vm, Want(ipv4=3)))
                in_transaction(lambda: allocate(vm, Want(ipv4=1)))
                in_transaction(lambda: release(vm))
                in_transaction(lambda: allocate(vm, Want(ipv4=2)))
    except BaseException as error:
        wrong.append(repr(error))

with session():
    mine = [vm.uid for vm in Vm.select().order_by(Vm.id)][share::4]
running = [threading.Thread(target=work, args=(mine[n::threads],)) for n in range(threads)]
print("ready", flush=True)
sys.stdin.readline()
for each in running: each.start()
for each in running: each.join()
close_database()
sys.exit("; ".join(wrong[:3]) or None)
"""


def _everything_adds_up(pool_id: int, machines: int, each: int) -> None:
    spots = Address.select(Address.address).distinct().count()
    assert Address.select().count() == spots == machines * each
    per_vm = Address.select(fn.COUNT(Address.id).alias("n")).group_by(Address.vm)
    assert {row.n for row in per_vm} == {each}
    found = pools.usage([pool_id])[pool_id]
    assert found.used == spots
    assert found.free == sum(run.size for run in ranges.free_runs(pool_id))


def test_processes_and_threads_never_share_an_address(store: Any, make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(mask=20, gateway="192.0.0.1", start="192.0.0.1", stop="192.0.7.255"))
    with transaction():
        machines = [make_vm() for _ in range(PROCESSES * THREADS)]
    command = [sys.executable, "-c", WORKER, store.url]
    running = [
        subprocess.Popen(
            [*command, str(n), str(THREADS)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    ends = [each.communicate("go\n", timeout=100) for each in running]
    assert [each.returncode for each in running] == [0] * PROCESSES, ends
    _everything_adds_up(pool.id, len(machines), 2)


def test_threads_race_for_the_last_addresses(store: Any, make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(stop="192.0.2.6"))
    machines = [make_vm() for _ in range(THREADS)]
    barrier = threading.Barrier(THREADS)
    refused: list[str] = []

    def ask(vm_id: int) -> None:
        with session():
            barrier.wait()
            try:
                allocate(Vm.get_by_id(vm_id), Want())
            except Exception as error:
                refused.append(type(error).__name__)

    threads = [threading.Thread(target=ask, args=(vm.id,)) for vm in machines]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert refused == ["NoAddress"] * (THREADS - 5)
    _everything_adds_up(pool.id, 5, 1)


def test_the_constraint_is_the_last_guard(server: Server, make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    vm = make_vm()
    [row] = allocate(vm, Want())
    with pytest.raises(IntegrityError), transaction():
        Address.create(server=server, bridge="vmbr0", vlan=0, address=row.address, prefix=24)
    assert pool.id == row.pool_id


def test_a_wrong_free_list_is_a_sentence_and_takes_nothing(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    [row] = allocate(make_vm(), Want())
    with transaction():
        ranges.give(pool.id, span(row.address, row.address))
    before = list(ranges.free_runs(pool.id))
    with pytest.raises(Failed, match=r"192\.0\.2\.2 on vmbr0 VLAN 0 was listed as free but is in use"):
        allocate(make_vm(), Want())
    assert list(ranges.free_runs(pool.id)) == before
    pools.update_pool(pool, pool_spec())
    assert [str(r.address) for r in allocate(make_vm(), Want())] == ["192.0.2.3"]
