"""Steps that only move on share a transaction; nothing is sent before what came before it is committed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.proxmox.journal import ChangingCall
from engine.store.database import execute, in_transaction, session, unfenced
from engine.store.models import Run, Step, Vm
from engine.work import claims, events
from engine.work.context import TaskContext
from engine.work.model import Done, Outcome, Skip, Wait
from engine.work.walk import Walker
from tests.work.small import ask, command, done, states, walker

MakeVm = Callable[..., Vm]
CALL = ChangingCall("start", "POST", "/nodes/pve1/qemu/100/status/start", 100, "pve1", "")


def walk(own: Walker) -> None:
    for claim in claims.claim_due("me", 1):
        own.walk(claim)


def recorded() -> list[tuple[int, str, str]]:
    with session():
        return [(row.n, row.step, row.result) for row in Step.select().order_by(Step.id)]


def test_steps_that_only_move_on_are_committed_together(make_vm: MakeVm) -> None:
    number = ask(make_vm(vm_status="ready", due_at=1), "Five")
    seen: list[list[tuple[int, str, str]]] = []

    def look(ctx: TaskContext) -> Outcome:
        seen.append(recorded())
        return Skip("no change") if len(seen) == 2 else Done(("a note",))

    walk(walker(command("Five", *[look] * 5)))
    assert seen == [[]] * 5
    results = ["success", "skip", "success", "success", "success"]
    assert recorded() == [(n, f"Five.{n}", result) for n, result in enumerate(results, 1)]
    assert states(number) == ["done"]
    said = [event for event in events.recent() if event.kind in ("run", "step")]
    assert [event.data.get("n") for event in said] == [None, 1, 2, 3, 4, 5, None]
    assert said[1].text.splitlines()[1] == "      · a note"


def test_a_call_is_sent_after_the_steps_before_it_are_committed(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="ready", due_at=1)
    ask(vm, "Start")
    seen: list[list[tuple[int, str, str]]] = []

    def start(ctx: TaskContext) -> Outcome:
        ctx.journal.intent(CALL)
        seen.append(recorded())
        ctx.say("sent")
        return Wait("time", "soon", seconds=60)

    walk(walker(command("Start", done, done, start)))
    before = [(1, "Start.1", "success"), (2, "Start.2", "success")]
    assert seen == [before]
    assert recorded() == [*before, (3, "Start.3", "waiting")]
    assert Vm.get_by_id(vm.id).flow["reached"] == 2


def test_what_was_not_committed_is_looked_at_again_and_recorded_once(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="ready", due_at=1)
    number = ask(vm, "Three")
    looks: list[str] = []

    def look(ctx: TaskContext) -> Outcome:
        looks.append(ctx.journal.step)
        if len(looks) == 3:
            raise KeyboardInterrupt  # the process ends here
        return Done()

    own = walker(command("Three", *[look] * 3))
    with pytest.raises(KeyboardInterrupt):
        walk(own)
    assert recorded() == []
    walk(own)
    assert looks == ["Three.1", "Three.2", "Three.3", "Three.1", "Three.2", "Three.3"]
    assert recorded() == [(n, f"Three.{n}", "success") for n in (1, 2, 3)]
    assert states(number) == ["done"] and Run.select().count() == 1


def test_a_transaction_that_is_rolled_back_loses_no_step(make_vm: MakeVm) -> None:
    ask(make_vm(vm_status="ready", due_at=1), "Three")

    def broken(ctx: TaskContext) -> Outcome:
        with pytest.raises(ZeroDivisionError):
            in_transaction(lambda: 1 // 0)
        assert recorded() == []
        return Done()

    walk(walker(command("Three", done, broken, done)))
    assert recorded() == [(n, f"Three.{n}", "success") for n in (1, 2, 3)]


def test_a_worker_that_stops_commits_how_far_it_came(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="ready", due_at=1)
    ask(vm, "Three")
    own = walker(command("Three", *[done] * 3))
    own.stopping = iter([False, False, False, True]).__next__  # the request, then two steps
    walk(own)
    assert recorded() == [(1, "Three.1", "success"), (2, "Three.2", "success")]
    row = Vm.get_by_id(vm.id)
    assert row.flow["reached"] == 2 and row.lease_owner == "" and row.due_at is not None


def test_a_worker_that_was_replaced_commits_none_of_its_steps(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="ready", due_at=1)
    ask(vm, "Two")

    def lose_it(ctx: TaskContext) -> Outcome:
        with unfenced():
            in_transaction(lambda: claims.take_over(vm.id))
        return Done()

    def lost(ctx: TaskContext) -> Outcome:
        in_transaction(lambda: execute("SELECT 1"))
        raise AssertionError("its transaction must be refused")

    own = walker(command("Two", lose_it, lost))
    walk(own)
    assert recorded() == []
