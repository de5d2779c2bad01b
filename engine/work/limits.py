"""Turns at scarce things: clones from one storage, heavy tasks on one node. First come, first served.

A VM that finds no place parks with `wait_kind = turn`; whoever gives a place back wakes the one that
has waited longest.
"""

from __future__ import annotations

from engine.clock import now_ms
from engine.store.database import database, in_transaction, is_postgres
from engine.store.models import Slot, Vm
from engine.work import claims, wake
from engine.work.claims import Claim

_LIMITS_LOCK = 0x6B766D02


def take(claim: Claim, vm: Vm, key: str, limit: int) -> bool:
    """True when the VM now holds a place at `key`; it keeps it until `give_back`."""

    def work() -> bool:
        claims.write(claim)
        if is_postgres():
            database.execute_sql("SELECT pg_advisory_xact_lock(%s, %s)", (_LIMITS_LOCK, vm.server_id))
        held = Slot.select().where(Slot.server == vm.server_id, Slot.key == key)
        if held.where(Slot.vm == vm.id).exists():
            return True
        if held.count() + _ahead_of(vm, key) >= limit:
            return False
        Slot.insert(server=vm.server_id, vm=vm.id, key=key).execute()
        return True

    return in_transaction(work)


def _ahead_of(vm: Vm, key: str) -> int:
    """How many VMs wait for the same thing and came before this one."""
    waiting = Vm.select().where(
        Vm.server == vm.server_id, Vm.wait_kind == "turn", Vm.wait_node == key, Vm.id != vm.id
    )
    if vm.wait_kind == "turn" and vm.wait_node == key and vm.waiting_since:
        waiting = waiting.where(
            (Vm.waiting_since < vm.waiting_since) | ((Vm.waiting_since == vm.waiting_since) & (Vm.id < vm.id))
        )
    return waiting.count()


def give_back(vm: Vm) -> None:
    """Free every place the VM holds and wake those whose turn it is; call it inside a transaction."""
    keys = [slot.key for slot in Slot.select(Slot.key).where(Slot.vm == vm.id)]
    if not keys:
        return
    Slot.delete().where(Slot.vm == vm.id).execute()
    now = now_ms()
    for key in keys:
        first = (
            Vm.select(Vm.id)
            .where(Vm.server == vm.server_id, Vm.wait_kind == "turn", Vm.wait_node == key)
            .order_by(Vm.waiting_since, Vm.id)
            .limit(1)
        )
        Vm.update(due_at=now).where(Vm.id.in_([row.id for row in first])).execute()
    wake.ring()
