"""Limits on scarce things: clones from one storage, heavy tasks on one node. First come, first served.

A VM that finds no free slot parks with `wait_kind = turn`; whoever releases a slot wakes the VM that has waited
longest.
"""

from __future__ import annotations

from engine.store.database import execute, in_transaction, now_expression
from engine.store.locks import Lock, exclusive
from engine.store.models import Slot, Vm
from engine.work import wake
from engine.work.item import WorkItem


def take(vm: WorkItem | Vm, key: str, limit: int) -> bool:
    """True when the VM now holds a slot of `key`, until `release`. Called by a step, so it is fenced."""

    def work() -> bool:
        exclusive(Lock.LIMITS, vm.server_id)
        held = Slot.select().where(Slot.server == vm.server_id, Slot.key == key)
        if held.where(Slot.vm == vm.id).exists():
            return True
        if held.count() + _ahead_of(vm, key) >= limit:
            return False
        Slot.insert(server=vm.server_id, vm=vm.id, key=key).execute()
        return True

    return in_transaction(work)


def _ahead_of(vm: WorkItem | Vm, key: str) -> int:
    """How many VMs wait for the same thing and came before this one."""
    waiting = Vm.select().where(
        Vm.server == vm.server_id, Vm.wait_kind == "turn", Vm.wait_node == key, Vm.id != vm.id
    )
    if vm.wait_kind == "turn" and vm.wait_node == key and vm.waiting_since:
        waiting = waiting.where(
            (Vm.waiting_since < vm.waiting_since) | ((Vm.waiting_since == vm.waiting_since) & (Vm.id < vm.id))
        )
    return waiting.count()


def release(vm: WorkItem | Vm) -> None:
    """Free every slot the VM holds and wake those whose turn it is; call it inside a transaction."""
    keys = [key for (key,) in execute("SELECT key FROM slot WHERE vm_id = ?", vm.id).fetchall()]
    if not keys:
        return
    Slot.delete().where(Slot.vm == vm.id).execute()
    now = now_expression()
    for key in keys:
        first = (
            Vm.select(Vm.id)
            .where(Vm.server == vm.server_id, Vm.wait_kind == "turn", Vm.wait_node == key)
            .order_by(Vm.waiting_since, Vm.id)
            .limit(1)
        )
        Vm.update(due_at=now).where(Vm.id.in_([row.id for row in first])).execute()
    wake.ring()
