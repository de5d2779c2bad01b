"""Turns: no more than allowed, first come first served, nobody forgotten."""

from __future__ import annotations

from collections.abc import Callable

from engine.clock import now_ms
from engine.store.database import in_transaction
from engine.store.models import Slot, Vm
from engine.work import claims, limits
from engine.work.claims import Claim

MakeVm = Callable[..., Vm]
KEY = "clone:local-lvm"


def claimed(vm: Vm) -> tuple[Claim, Vm]:
    Vm.update(due_at=now_ms() - 1).where(Vm.id == vm.id).execute()
    for claim in claims.claim_due("me", 100):
        if claim.vm_id == vm.id:
            mine = claim
        else:
            claims.release(claim)
    return mine, Vm.get_by_id(vm.id)


def park(claim: Claim, since: int) -> None:
    in_transaction(
        lambda: claims.park(
            claim, wait_kind="turn", wait_node=KEY, waiting_since=since, due_at=now_ms() + 60_000
        )
    )


def test_only_so_many_hold_a_place_and_holding_twice_is_one(make_vm: MakeVm) -> None:
    first, second, third = (claimed(make_vm()) for _ in range(3))
    assert limits.take(first[1], KEY, 2) and limits.take(first[1], KEY, 2)
    assert limits.take(second[1], KEY, 2)
    assert not limits.take(third[1], KEY, 2)
    assert Slot.select().count() == 2


def test_the_one_that_waited_longest_is_woken_and_a_newcomer_does_not_overtake(make_vm: MakeVm) -> None:
    holder = claimed(make_vm())
    assert limits.take(holder[1], KEY, 1)
    late, early = claimed(make_vm()), claimed(make_vm())
    now = now_ms()
    park(late[0], now - 1_000)
    park(early[0], now - 5_000)
    in_transaction(lambda: limits.release(holder[1]))
    due = [vm.id for vm in Vm.select().where(Vm.due_at <= now_ms() + 50, Vm.wait_kind == "turn")]
    assert due == [early[1].id]
    newcomer = claimed(make_vm())
    assert not limits.take(newcomer[1], KEY, 1)
    assert limits.take(claimed(early[1])[1], KEY, 1)


def test_places_are_counted_per_key(make_vm: MakeVm) -> None:
    one, other = claimed(make_vm()), claimed(make_vm())
    assert limits.take(one[1], KEY, 1)
    assert limits.take(other[1], "clone:ceph", 1)
