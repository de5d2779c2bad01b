"""A worker that lost its lease writes nothing, wherever the write is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from engine.clock import now_ms
from engine.ipam import allocate, pools
from engine.ipam.spec import PoolSpec
from engine.proxmox.journal import ChangingCall
from engine.store.database import database, fenced, in_transaction, session, unfenced
from engine.store.models import Address, Call, Client, Run, Server, Vm
from engine.work import claims, workers
from engine.work.context import TaskContext
from engine.work.journal import Journal
from engine.work.model import Done
from tests.waiting import until
from tests.work.small import ask, command, engine, walker

MakeVm = Callable[..., Vm]


def test_a_worker_that_was_replaced_frees_no_address(make_vm: MakeVm, server: Server) -> None:
    pools.create_pool(
        PoolSpec(
            server=server.name, type="IPv4", bridge="vmbr0", vlan=0, gateway=ip_address("10.0.0.1"), mask=24,
            start=ip_address("10.0.0.10"), stop=ip_address("10.0.0.10"),
        )
    )  # fmt: skip
    vm = make_vm(vm_status="ready", due_at=None)
    want = allocate.Want(ipv4=1, ipv6=0, auto_bridge=True, bridge="vmbr0", vlan=0, dhcp4=False, dhcp6=False)
    allocate.allocate(vm, want, True)
    entered, leave = threading.Event(), threading.Event()

    def release_late(ctx: TaskContext) -> Done:
        entered.set()
        leave.wait(10)
        allocate.release(vm)
        return Done()

    Vm.update(due_at=now_ms()).where(Vm.id == vm.id).execute()
    ask(vm, "Release")
    with engine(command("Release", release_late), size=1) as late:
        assert entered.wait(10)
        in_transaction(lambda: claims.take_over(vm.id))
        assert [claim.vm_id for claim in claims.claim_due("its successor", 1)] == [vm.id]
        leave.set()
        until(lambda: late.busy == 0)
    assert [row.vm_id for row in Address.select()] == [vm.id]


def test_a_write_outside_a_transaction_is_refused_while_a_step_runs(make_vm: MakeVm) -> None:
    make_vm()
    with session(), fenced(lambda: None):
        with pytest.raises(RuntimeError, match="outside its fenced transaction"):
            Client.create(name="Nobody")
        with unfenced():
            Client.create(name="The journal may")
        in_transaction(lambda: Client.create(name="So may a transaction"))
    with session():
        assert {row.name for row in Client.select()} == {"Acme", "The journal may", "So may a transaction"}


def test_every_transaction_of_a_step_begins_with_the_fence(make_vm: MakeVm) -> None:
    vm = make_vm(vm_status="ready")
    tried: list[BaseException] = []

    def lose_it_and_write(ctx: TaskContext) -> Done:
        with unfenced():
            in_transaction(lambda: claims.take_over(vm.id))
        for write in (lambda: Client.create(name="X"), lambda: database.execute_sql("DELETE FROM client")):
            try:
                in_transaction(write)
            except claims.LeaseLost as lost:
                tried.append(lost)
        return Done()

    ask(vm, "Lose")
    (claim,) = claims.claim_due("me", 1)
    walker(command("Lose", lose_it_and_write)).walk(claim)
    assert len(tried) == 2
    with session():
        assert [row.name for row in Client.select()] == ["Acme"]
        assert Run.get().live == 1  # its successor ends it


@pytest.mark.parametrize("stale_ms", [60_000, 0])
def test_a_worker_held_up_between_commit_and_call_sends_nothing(
    make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch, stale_ms: int
) -> None:
    """With a patience of no time every worker was held up, as one is that was stopped past its lease."""
    monkeypatch.setattr(workers, "STALE_MS", stale_ms)
    vm = make_vm()
    (claim,) = claims.claim_due("me", 1)
    journal = Journal(claim, vm.server_id)
    call = ChangingCall("Starting", "POST", "/nodes/pve1/qemu/5000/status/start", 5000, "pve1", "hash")
    if stale_ms:
        journal.intent(call)
        assert (journal.sent, Call.get().state) == (1, "intent")
        return
    with pytest.raises(claims.LeaseLost, match="held up"):
        journal.intent(call)
    assert (journal.sent, Call.get().state) == (0, "failed")
    assert "not sent" in Call.get().outcome
