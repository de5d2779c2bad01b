"""A request that was accepted ends exactly once, whoever else acts on the VM at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from engine.clock import now_ms
from engine.errors import NotFound
from engine.store.database import in_transaction, session, transaction
from engine.store.models import Request, Run, Vm
from engine.work import claims, requests
from engine.work.context import TaskContext
from engine.work.model import Done, Fail, Pipeline
from tests.waiting import until
from tests.work.small import ask, broken, command, done, engine, retried, states, walker

MakeVm = Callable[..., Vm]


def at_rest(make_vm: MakeVm) -> Vm:
    return make_vm(vm_status="ready", due_at=None)


def test_every_request_of_many_operators_ends_once(make_vm: MakeVm) -> None:
    vms = [at_rest(make_vm) for _ in range(6)]
    promised: list[int] = []
    guard = threading.Lock()

    def operator(number: int) -> None:
        with session():
            for n in range(10):
                mine = ask(vms[(number + n) % len(vms)], ("Good", "Bad")[n % 2])
                with guard:
                    promised.append(mine)

    with (
        engine(command("Good", done), command("Bad", broken)),
        engine(command("Good", done), command("Bad", broken)),
    ):
        threads = [threading.Thread(target=operator, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: not Request.select().where(Request.state.in_(requests.OPEN)).exists())
        until(lambda: not Vm.select().where(Vm.due_at.is_null(False)).exists())
    wanted = {"Good": "done", "Bad": "failed"}
    assert len(promised) == 60
    assert all(row.state == wanted[row.pipeline] for row in Request.select())
    assert Run.select().count() == 60


def test_a_record_that_somebody_else_deleted_is_refused(make_vm: MakeVm) -> None:
    vm = at_rest(make_vm)
    with session():
        known = Vm.get_by_id(vm.id)
    deleting = threading.Thread(
        target=lambda: in_transaction(lambda: Vm.delete().where(Vm.id == vm.id).execute())
    )
    deleting.start()
    deleting.join()
    with pytest.raises(NotFound, match="deleted in between"):
        in_transaction(lambda: requests.lock(known.id))


@pytest.mark.parametrize("first", ["Good", "Bad"])
def test_a_request_that_arrives_while_a_step_ends_is_carried_out(make_vm: MakeVm, first: str) -> None:
    vm = at_rest(make_vm)
    late: list[int] = []

    def end_slowly(ctx: TaskContext) -> Done | Fail:
        thread = threading.Thread(target=lambda: late.append(ask(vm, "Good")))
        thread.start()
        thread.join()
        return Done() if first == "Good" else Fail("it does not work")

    early = ask(vm, "Slow")
    with engine(command("Slow", end_slowly), command("Good", done)):
        until(lambda: bool(late) and states(*late) == ["done"])
    assert states(early) == ["done" if first == "Good" else "failed"]


def test_a_vm_comes_to_rest_only_behind_a_request_that_is_being_added(make_vm: MakeVm) -> None:
    """The walker reads the queue after it has locked the VM, so the addition is over or has not begun."""
    vm = at_rest(make_vm)
    Vm.update(due_at=now_ms()).where(Vm.id == vm.id).execute()
    (claim,) = claims.claim_due("me", 1)
    entered, leave = threading.Event(), threading.Event()

    def add_slowly() -> None:
        def work() -> None:
            fresh = requests.lock(vm.id)
            requests.add(fresh, "Good")
            entered.set()
            leave.wait(10)

        in_transaction(work)

    operator = threading.Thread(target=add_slowly)
    operator.start()
    assert entered.wait(10)
    rest = threading.Thread(target=lambda: walker(command("Good", done)).walk(claim))
    rest.start()
    rest.join(0.2)
    assert rest.is_alive(), "the walker does not wait for the VM's row"
    leave.set()
    operator.join()
    rest.join()
    until(lambda: True)
    assert [row.state for row in Request.select()] == ["done"]


def test_a_vm_with_a_queued_request_is_due_although_its_pipeline_is_stuck(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="deploy")
    number = ask(vm, "Good")
    with engine(retried("Deploy", "deploy", broken), command("Good", done), retry_ms=60_000):
        until(lambda: Vm.get_by_id(vm.id).error == "it does not work")
    row = Vm.get_by_id(vm.id)
    assert states(number) == ["queued"] and row.due_at is not None and row.due_at > now_ms()


def test_asking_again_wakes_a_vm_that_somebody_left_without_a_due_time(make_vm: MakeVm) -> None:
    vm = at_rest(make_vm)
    ask(vm, "Good")
    Vm.update(due_at=None).where(Vm.id == vm.id).execute()
    ask(vm, "Good")
    with engine(command("Good", done)):
        until(lambda: {row.state for row in Request.select()} == {"done"})


def test_requests_of_a_vm_run_in_the_order_they_were_made(make_vm: MakeVm) -> None:
    vm = at_rest(make_vm)
    ran: list[str] = []

    def noting(name: str) -> Pipeline:
        def note(ctx: TaskContext) -> Done:
            ran.append(name)
            return Done()

        return command(name, note)

    names = ["First", "Second", "Third"]
    numbers = [ask(vm, name) for name in names]
    (claim,) = claims.claim_due("me", 1)
    walker(*map(noting, names)).walk(claim)
    assert ran == names and states(*numbers) == ["done"] * 3


def test_one_request_of_a_vm_runs_at_a_time(make_vm: MakeVm) -> None:
    vm = at_rest(make_vm)
    ask(vm, "Good")
    ask(vm, "Good")
    with transaction():
        assert requests.begin_next(vm.id) is not None
    with pytest.raises(Exception, match=r"(?i)unique"), transaction():
        requests.begin_next(vm.id)


def test_a_failed_step_keeps_its_request_running_with_the_reason(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="deploy")
    failures = iter([True, False])

    def once(ctx: TaskContext) -> Done | Fail:
        return Fail("not yet") if next(failures) else Done()

    number = in_transaction(lambda: requests.add(vm, "Deploy", running=True))
    seen: list[tuple[str, str]] = []
    with engine(retried("Deploy", "deploy", once), retry_ms=400):
        until(lambda: Request.get_by_id(number).error == "not yet")
        seen.append((Request.get_by_id(number).state, Request.get_by_id(number).error))
        until(lambda: states(number) == ["done"])
    row = Request.get_by_id(number)
    assert seen == [("running", "not yet")] and row.error == ""
    assert row.run == Run.select().order_by(Run.id.desc()).first().id


def test_what_is_withdrawn_is_not_carried_out_and_keeps_its_reason(make_vm: MakeVm) -> None:
    vm = at_rest(make_vm)
    number = ask(vm, "Good")
    in_transaction(lambda: requests.withdraw(vm.id, "replaced: an operator set ready"))
    with engine(command("Good", done)):
        until(lambda: Vm.get_by_id(vm.id).due_at is None)
    row = Request.get_by_id(number)
    assert (row.state, row.error, Run.select().count()) == ("withdrawn", "replaced: an operator set ready", 0)


def test_a_running_request_ends_when_an_operator_edits_the_record_to_rest(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="deploy")
    number = in_transaction(lambda: requests.add(vm, "Deploy", running=True))
    in_transaction(lambda: claims.take_over(vm.id))
    Vm.update(vm_status="ready").where(Vm.id == vm.id).execute()
    with engine(retried("Deploy", "deploy", broken)):
        until(lambda: Vm.get_by_id(vm.id).due_at is None)
    assert states(number) == ["withdrawn"]
