"""Transactions of several actors: events last, retries by the outermost, nothing of a failed one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from engine.clock import now_ms
from engine.errors import Failed
from engine.proxmox.journal import ChangingCall
from engine.schedule import process_vms
from engine.store.database import in_transaction, session, transaction
from engine.store.models import Call, Event, Run, Server, Vm
from engine.work import claims, events, journal
from engine.work.journal import Journal
from engine.work.model import Wait
from engine.work.servers import Servers
from engine.work.task import TaskResources
from tests.work.small import ask, command, walker

MakeVm = Callable[..., Vm]


def side_by_side(*works: Callable[[], Any]) -> list[BaseException]:
    """Run each in a session of its own thread; returns what they raised."""
    raised: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            with session():
                in_transaction(work)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


def test_events_and_rows_in_either_order_do_not_lock_each_other_out(make_vm: MakeVm) -> None:
    vm = make_vm()
    meet = threading.Barrier(2, timeout=1)
    tries: list[str] = []

    def come() -> None:
        with suppress(threading.BrokenBarrierError):  # SQLite lets one in at a time
            meet.wait()

    def event_first() -> None:
        tries.append("event first")
        events.publish("note", "first")
        come()
        Vm.update(name="a").where(Vm.id == vm.id).execute()

    def row_first() -> None:
        tries.append("row first")
        Vm.update(name="b").where(Vm.id == vm.id).execute()
        come()
        events.publish("note", "second")

    assert side_by_side(event_first, row_first) == []
    assert len(tries) == 2, "one of them had to be tried again"
    assert {event.text for event in events.recent()} == {"first", "second"}


def test_a_deadlock_is_retried_inside_a_session(make_vm: MakeVm) -> None:
    one, other = make_vm(), make_vm()
    meet = threading.Barrier(2, timeout=1)

    def both(first: Vm, second: Vm) -> Callable[[], None]:
        def work() -> None:
            Vm.update(revision=Vm.revision + 1).where(Vm.id == first.id).execute()
            with suppress(threading.BrokenBarrierError):
                meet.wait()
            Vm.update(revision=Vm.revision + 1).where(Vm.id == second.id).execute()

        return work

    assert side_by_side(both(one, other), both(other, one)) == []
    assert [Vm.get_by_id(vm.id).revision for vm in (one, other)] == [2, 2]


def test_what_a_failed_block_collected_is_dropped_with_it(make_vm: MakeVm) -> None:
    def refused() -> None:
        events.publish("note", "never")
        raise Failed("it was refused")

    with transaction():
        events.publish("note", "before")
        with pytest.raises(Failed):
            in_transaction(refused)
        events.publish("note", "after")
    with pytest.raises(Failed), transaction():
        events.publish("note", "lost")
        raise Failed("it was refused")
    assert [event.text for event in events.recent()] == ["before", "after"]


def test_a_change_that_never_shows_is_not_sent_for_ever(make_vm: MakeVm, server: Server) -> None:
    vm = make_vm()
    (claim,) = claims.claim_due("me", 1)
    record = Journal(claim, server.id)
    record.run_id = Run.create(vm=vm, action="Deploy", from_status="clone", live=1).id
    record.step = "set_cpu_ram"
    change = ChangingCall("config", "POST", "/nodes/pve1/qemu/2001/config", 2001, "pve1", "abc", "cores=4")
    for _ in range(journal.MOST_TRIES):
        number = record.intent(change)
        record.answered(number, "UPID:pve1:1:2:3:qmconfig:2001:kvmtui@pve:")
        journal.end(Call.get_by_id(number), "OK")
    with pytest.raises(
        Failed, match=r"'config' \(cores=4\) was accepted 3 times, but VM 2001 still does not"
    ):
        record.intent(change)
    other = ChangingCall("config", "POST", "/nodes/pve1/qemu/2001/config", 2001, "pve1", "def", "cores=5")
    assert record.intent(other)
    assert Call.select().where(Call.vm == vm.id).count() == 4


def test_a_clock_that_was_set_back_leaves_no_vm_waiting_for_hours(make_vm: MakeVm, server: Server) -> None:
    late = make_vm(vm_status="clone", wait_kind="lock", due_at=now_ms() + 7_200_000)
    soon = make_vm(vm_status="clone", wait_kind="lock", due_at=now_ms() + 5_000)
    Server.update(state="paused").execute()
    process_vms.run(TaskResources(Servers(), "me", keep_going=lambda: True))
    assert Vm.get_by_id(late.id).due_at <= now_ms()
    assert Vm.get_by_id(soon.id).due_at > now_ms()


def test_a_vm_that_waits_writes_one_line_however_often_it_is_checked(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="ready", due_at=None)
    ask(vm, "Locked")
    waits = walker(command("Locked", lambda ctx: Wait("lock", "VM 1 is locked (backup). Will retry.")))
    for _ in range(10):
        Vm.update(due_at=1).where(Vm.id == vm.id).execute()
        for claim in claims.claim_due("me", 1):
            waits.walk(claim)
    with session():
        assert Event.select().where(Event.kind == "step").count() == 1
