"""Who may work on a VM. A claim is a lease with a fence: each claim raises the fence, and every later write
of the worker says `WHERE fence = mine`. A worker that lost its lease finds no row and stops.
"""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from peewee import fn

from engine.clock import now_ms
from engine.store.database import in_transaction, is_postgres, session
from engine.store.models import Vm, Worker

LEASE_MS = 60_000
STALE_MS = 30_000  # a worker whose heart did not beat for so long has lost its leases
BEAT_S = 5.0


class LeaseLost(Exception):
    """Another worker took this VM over, or an operator changed it: stop and discard."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one VM."""

    vm_id: int
    owner: str
    fence: int


def register_worker(kind: Literal["console", "daemon", "cron"], version: str) -> str:
    """Enter this process among the workers; returns the name its leases carry."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    in_transaction(
        lambda: Worker.insert(
            id=owner, kind=kind, host=socket.gethostname(), pid=os.getpid(), version=version
        ).execute()
    )
    return owner


def beat(owner: str) -> None:
    """Show that this worker lives, and take leases from workers that do not."""
    now = now_ms()

    def work() -> None:
        Worker.update(heartbeat_at=now).where(Worker.id == owner).execute()
        _bury_dead(now)

    in_transaction(work)


def leave(owner: str) -> None:
    """Give up every lease of this worker: its VMs can be claimed at once."""

    def work() -> None:
        _void(Vm.lease_owner == owner)
        Worker.delete().where(Worker.id == owner).execute()

    in_transaction(work)


def _bury_dead(now: int) -> None:
    """Remove workers without a heartbeat and, on this host, without a process."""
    for worker in Worker.select():
        silent = now - worker.heartbeat_at > STALE_MS
        if silent or (worker.host == socket.gethostname() and not _alive(worker.pid)):
            _void(Vm.lease_owner == worker.id)
            worker.delete_instance()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _void(which: Any) -> None:
    """End leases; the raised fence makes late writes of their holders void."""
    now = now_ms()
    Vm.update(lease_owner="", lease_until=0, fence=Vm.fence + 1, due_at=fn.COALESCE(Vm.due_at, now)).where(
        which
    ).execute()


def claim_due(owner: str, limit: int) -> list[Claim]:
    """Claim up to `limit` VMs that are due and free, the longest due first."""
    now = now_ms()

    def work() -> list[Claim]:
        query = (
            Vm.select(Vm.id, Vm.fence)
            .where(Vm.due_at <= now, Vm.lease_until < now)
            .order_by(Vm.due_at, Vm.id)
            .limit(limit)
        )
        if is_postgres():
            query = query.for_update(skip_locked=True)
        return [_take(row.id, owner, row.fence, now) for row in query]

    with session():
        if not Vm.select().where(Vm.due_at <= now, Vm.lease_until < now).exists():
            return []  # no write lock for an empty look
        return in_transaction(work)


def _take(vm_id: int, owner: str, fence: int, now: int) -> Claim:
    Vm.update(lease_owner=owner, lease_until=now + LEASE_MS, fence=fence + 1).where(Vm.id == vm_id).execute()
    return Claim(vm_id, owner, fence + 1)


def next_due() -> int | None:
    """When the next unclaimed VM is due, in epoch milliseconds."""
    with session():
        return (
            Vm.select(fn.MIN(Vm.due_at)).where(Vm.due_at.is_null(False), Vm.lease_until < now_ms()).scalar()
        )


def write(claim: Claim, **changes: Any) -> None:
    """Change the VM's row and renew the lease, or raise LeaseLost; call it inside a transaction."""
    moved = (
        Vm.update(lease_until=now_ms() + LEASE_MS, updated_at=now_ms(), revision=Vm.revision + 1, **changes)
        .where(Vm.id == claim.vm_id, Vm.fence == claim.fence, Vm.lease_owner == claim.owner)
        .execute()
    )
    if not moved:
        raise LeaseLost(f"VM {claim.vm_id} was taken over")


def park(claim: Claim, **changes: Any) -> None:
    """Change the VM's row and give the lease up with it; call it inside a transaction."""
    write(claim, **changes)
    Vm.update(lease_owner="", lease_until=0).where(Vm.id == claim.vm_id).execute()


def release(claim: Claim) -> None:
    """Let others claim the VM; what it waits for was written before."""
    in_transaction(
        lambda: (
            Vm.update(lease_owner="", lease_until=0)
            .where(Vm.id == claim.vm_id, Vm.fence == claim.fence, Vm.lease_owner == claim.owner)
            .execute()
        )
    )


def take_over(vm_id: int) -> None:
    """Void whatever lease a VM has, for an operator's change; call it inside the change's transaction."""
    _void(Vm.id == vm_id)
