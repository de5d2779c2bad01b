"""One worker per VM: leases, fences, dead workers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from engine.clock import now_ms
from engine.store.database import in_transaction, session, transaction
from engine.store.models import Vm, Worker
from engine.work import claims, workers
from engine.work.claims import Claim, LeaseLost

MakeVm = Callable[..., Vm]


def test_a_due_vm_is_claimed_once(make_vm: MakeVm) -> None:
    vm = make_vm()
    assert [claim.vm_id for claim in claims.claim_due("one", 10)] == [vm.id]
    assert claims.claim_due("two", 10) == []


def test_a_vm_at_rest_or_due_later_is_left_alone(make_vm: MakeVm) -> None:
    make_vm(due_at=None)
    make_vm(due_at=now_ms() + 60_000)
    assert claims.claim_due("one", 10) == []
    assert 50 < (claims.next_due_in() or 0) <= 60


def test_the_longest_due_comes_first_and_the_limit_holds(make_vm: MakeVm) -> None:
    young = make_vm(due_at=now_ms() - 10)
    old = make_vm(due_at=now_ms() - 10_000)
    taken = [claim.vm_id for claim in claims.claim_due("one", 1)]
    assert taken == [old.id]
    assert [claim.vm_id for claim in claims.claim_due("one", 1)] == [young.id]


def test_a_request_for_a_vm_at_rest_is_begun_before_work_that_is_under_way(make_vm: MakeVm) -> None:
    under_way = make_vm(vm_status="clone", due_at=now_ms() - 10_000)
    failed = make_vm(vm_status="ready", flow={"pipeline": "Backup"}, due_at=now_ms() - 5_000)
    requested = make_vm(vm_status="ready", due_at=now_ms())
    assert [claim.vm_id for claim in claims.claim_due("one", 1)] == [requested.id]
    assert [claim.vm_id for claim in claims.claim_due("one", 5)] == [under_way.id, failed.id]


def test_a_worker_that_was_taken_over_cannot_write(make_vm: MakeVm) -> None:
    vm = make_vm()
    (mine,) = claims.claim_due("one", 1)
    in_transaction(lambda: claims.take_over(vm.id))
    with pytest.raises(LeaseLost), transaction():
        claims.write(mine, vm_status="clone")
    assert Vm.get_by_id(vm.id).vm_status == "creation"


def test_an_expired_lease_can_be_claimed_and_the_late_worker_is_fenced_off(make_vm: MakeVm) -> None:
    vm = make_vm()
    (late,) = claims.claim_due("late", 1)
    Vm.update(lease_until=now_ms() - 1).where(Vm.id == vm.id).execute()
    (fresh,) = claims.claim_due("fresh", 1)
    assert fresh.fence == late.fence + 1
    with pytest.raises(LeaseLost), transaction():
        claims.write(late, name="stale")
    with transaction():
        claims.write(fresh, name="right")
    claims.release(late)  # gives nothing back: it holds nothing
    assert Vm.get_by_id(vm.id).lease_owner == "fresh"


def test_releasing_lets_others_claim_what_is_still_due(make_vm: MakeVm) -> None:
    make_vm()
    (claim,) = claims.claim_due("one", 1)
    claims.release(claim)
    assert len(claims.claim_due("two", 1)) == 1


def test_a_dead_worker_loses_its_leases_at_the_next_heartbeat(make_vm: MakeVm) -> None:
    vm = make_vm()
    dead = workers.register("daemon", "0")
    Worker.update(host="elsewhere", heartbeat_at=now_ms() - workers.STALE_MS - 1).where(
        Worker.id == dead
    ).execute()
    (old,) = claims.claim_due(dead, 1)
    Vm.update(due_at=None).where(Vm.id == vm.id).execute()
    alive = workers.register("daemon", "0")
    workers.beat(alive)
    assert [worker.id for worker in Worker.select()] == [alive]
    (claim,) = claims.claim_due(alive, 1)
    assert claim.vm_id == vm.id and claim.fence > old.fence


def test_a_worker_whose_process_is_gone_on_this_host_is_removed_at_once(make_vm: MakeVm) -> None:
    gone = workers.register("console", "0")
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    Worker.update(pid=child).where(Worker.id == gone).execute()
    workers.register("console", "0")
    assert not Worker.select().where(Worker.id == gone).exists()


def test_leaving_releases_every_lease(make_vm: MakeVm) -> None:
    make_vm()
    owner = workers.register("cron", "0")
    assert len(claims.claim_due(owner, 5)) == 1
    workers.leave(owner)
    assert len(claims.claim_due("next", 5)) == 1


def test_many_threads_never_claim_the_same_vm(make_vm: MakeVm) -> None:
    wanted = {make_vm().id for _ in range(40)}
    taken: list[Claim] = []
    guard = threading.Lock()

    def work(owner: str) -> None:
        with session():
            while found := claims.claim_due(owner, 3):
                with guard:
                    taken.extend(found)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claim.vm_id for claim in taken) == sorted(wanted)
