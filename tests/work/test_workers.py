"""Liveness belongs to the worker: its heartbeat renews what it holds, and the database's clock decides."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.clock import now_ms
from engine.store.database import in_transaction
from engine.store.models import Lease, Vm, Worker
from engine.store.urls import sqlite_path
from engine.work import claims, events, leases, requests, wake, workers
from engine.work.context import TaskContext
from engine.work.model import Done, Wait
from tests.conftest import Store
from tests.waiting import until
from tests.work.small import ask, command, done, engine, states

MakeVm = Callable[..., Vm]


def test_a_slow_step_keeps_its_lease(make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LEASE_MS", 400)
    monkeypatch.setattr(workers, "BEAT_S", 0.1)
    vm = make_vm(vm_status="ready", due_at=None)
    leave = threading.Event()
    begun: list[str] = []

    def slow(ctx: TaskContext) -> Done:
        begun.append(ctx.claim.owner)
        leave.wait(1.5)
        return Done()

    number = ask(vm, "Slow")
    with engine(command("Slow", slow)), engine(command("Slow", slow)):
        until(lambda: states(number) == ["done"])
    assert len(begun) == 1


def test_a_claim_that_nobody_walks_ends_before_its_lease(
    make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away when the claim was made or released: the process holds a lease it does not use."""
    monkeypatch.setattr(workers, "BEAT_S", 0.1)
    vm = make_vm(vm_status="ready", due_at=None)
    with engine(command("Quick", done)) as running:

        def claimed_by_nobody() -> int:
            number = requests.add(requests.lock(vm.id), "Quick")
            Vm.update(lease_owner=running.owner, lease_until=now_ms() + 60_000).where(
                Vm.id == vm.id
            ).execute()
            wake.notify()
            return number

        number = in_transaction(claimed_by_nobody)
        until(lambda: states(number) == ["done"])


def test_a_host_whose_clock_is_ahead_does_not_delay_its_vms(
    make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = SimpleNamespace(time_ns=lambda: time.time_ns() + 600 * 10**9)
    monkeypatch.setattr("engine.clock.time", ahead)
    vm = make_vm(vm_status="ready", due_at=None)
    looks: list[int] = []

    def waits_once(ctx: TaskContext) -> Done | Wait:
        looks.append(1)
        return Done() if len(looks) > 1 else Wait("time", "a moment", seconds=0.05)

    number = ask(vm, "Waits")
    with engine(command("Waits", waits_once)):
        until(lambda: states(number) == ["done"])


def test_a_worker_declared_dead_enters_itself_again(make_vm: MakeVm) -> None:
    make_vm()
    mine = workers.register("daemon", "0")
    (claim,) = claims.claim_due(mine, 1)
    Worker.update(heartbeat_at=now_ms() - workers.STALE_MS - 1000).where(Worker.id == mine).execute()
    other = workers.register("daemon", "0")
    assert {row.id for row in workers.fresh()} == {other}
    workers.beat(mine)
    assert {row.id for row in workers.fresh()} == {mine, other}
    with pytest.raises(claims.LeaseLost):
        claims.check(claim)


def test_the_heartbeat_renews_named_leases(make_vm: MakeVm) -> None:
    mine = workers.register("daemon", "0")
    assert leases.hold("watch:1", mine, 5_000)
    Lease.update(until=now_ms() + 10).execute()
    workers.beat(mine)
    assert not leases.hold("watch:1", "somebody else", 5_000)
    workers.leave(mine)
    assert leases.hold("watch:1", "somebody else", 5_000)


def test_a_container_with_the_same_host_name_and_pid_is_somebody_else(make_vm: MakeVm) -> None:
    other = workers.register("daemon", "0")
    # its PID 7 is not ours: the namespace says so
    Worker.update(pid=4_000_000, process="boot:pid:[4026531999]:77").where(Worker.id == other).execute()
    workers.register("daemon", "0")
    assert Worker.select().where(Worker.id == other).exists()


def test_a_pid_that_was_reused_does_not_keep_a_dead_worker(make_vm: MakeVm) -> None:
    dead = workers.register("daemon", "0")
    same = Worker.get_by_id(dead).process.rpartition(":")[0]
    Worker.update(process=f"{same}:1").where(Worker.id == dead).execute()
    workers.register("daemon", "0")
    assert not Worker.select().where(Worker.id == dead).exists()


def test_a_heartbeat_from_the_future_is_not_trusted_for_ever(make_vm: MakeVm) -> None:
    """After a step of the clock back, what a dead worker wrote would stay fresh for hours."""
    dead = workers.register("daemon", "0")
    Worker.update(heartbeat_at=now_ms() + 3_600_000, process="").where(Worker.id == dead).execute()
    workers.register("daemon", "0")
    assert not Worker.select().where(Worker.id == dead).exists()


def test_a_silent_party_holds_up_no_other_vm(make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.work.engine.STALLED_S", 0.2)
    silent = [make_vm(vm_status="ready", due_at=None) for _ in range(4)]
    others = [make_vm(vm_status="ready", due_at=None) for _ in range(4)]
    leave = threading.Event()

    def wait(ctx: TaskContext) -> Done:
        leave.wait(20)
        return Done()

    blocked = [ask(vm, "Silent") for vm in silent]
    with engine(command("Silent", wait), command("Good", done), size=4):
        until(lambda: states(*blocked) == ["running"] * 4)
        quick = [ask(vm, "Good") for vm in others]
        until(lambda: states(*quick) == ["done"] * 4)
        assert states(*blocked) == ["running"] * 4
        leave.set()
        until(lambda: states(*blocked) == ["done"] * 4)


def test_an_engine_copies_the_log_of_a_sqlite_file_into_it(sqlite_store: Store) -> None:
    """Or a commit does it, and every other writer waits for that one."""
    text = str(uuid.uuid4())
    events.announce("note", text)
    file = Path(sqlite_path(sqlite_store.url))
    assert text.encode() not in file.read_bytes()
    with engine(command("Quick", done)):
        until(lambda: text.encode() in file.read_bytes())
