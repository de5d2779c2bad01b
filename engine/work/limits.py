"""Limits on parallel work: clones from one storage, heavy tasks on one node. First come, first served.

A VM that finds no free slot parks with `wait_kind = turn`; whoever releases a slot wakes the VM that has waited
longest.
"""

from __future__ import annotations

from engine.store.database import execute, in_transaction
from engine.store.locks import Lock, exclusive
from engine.store.models import Slot, Vm
from engine.work import wake
from engine.work.item import WorkItem


def take(vm: WorkItem | Vm, key: str, limit: int) -> bool:
    """True when the VM now holds a slot of `key`, until `release`. Called by a step, so it is fenced."""

    def work() -> bool:
        exclusive(Lock.LIMITS, vm.server_id)
        held = [holder for (holder,) in execute(_HELD, vm.server_id, key).fetchall()]
        if vm.id in held:
            return True
        if len(held) + _ahead_of(vm, key) >= limit:
            return False
        Slot.insert(server=vm.server_id, vm=vm.id, key=key).execute()
        return True

    return in_transaction(work)


def _ahead_of(vm: WorkItem | Vm, key: str) -> int:
    """How many VMs wait for the same thing and came before this one."""
    waiting = [
        (since or 0, other)
        for other, since in execute(_WAITING, vm.server_id, key).fetchall()
        if other != vm.id
    ]
    if vm.wait_kind == "turn" and vm.wait_node == key and vm.waiting_since:
        return sum(turn < (vm.waiting_since, vm.id) for turn in waiting)
    return len(waiting)


_HELD = "SELECT vm_id FROM slot WHERE server_id = ? AND key = ?"
_WAITING = (
    "SELECT id, waiting_since FROM vm WHERE server_id = ? AND wait_kind = 'turn' AND wait_node = ? "
    "ORDER BY waiting_since, id"
)


def release(vm: WorkItem | Vm) -> None:
    """Free every slot the VM holds and wake those whose turn it is; call it inside a transaction."""
    keys = [key for (key,) in execute("SELECT key FROM slot WHERE vm_id = ?", vm.id).fetchall()]
    if not keys:
        return
    execute("DELETE FROM slot WHERE vm_id = ?", vm.id)
    for key in keys:
        if first := execute(f"{_WAITING} LIMIT 1", vm.server_id, key).fetchone():
            execute("UPDATE vm SET due_at = now_ms() WHERE id = ?", first[0])
    wake.notify()
