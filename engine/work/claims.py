"""Who may work on a VM. A claim is a lease with a fence: each claim raises the fence, and every later write of the
worker says `WHERE fence = mine`. A worker that lost its lease finds no row and stops.

The worker's heartbeat renews the lease (engine.work.workers), so a slow step is never taken for a dead worker.
All times are the database's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.store.database import (
    execute,
    in_transaction,
    is_postgres,
    now_expression,
    session,
    urgent,
)
from engine.store.models import Vm
from engine.work.catalog import AT_REST

LEASE_MS = 60_000
_DUE = "due_at <= now_ms() AND lease_until < now_ms()"
_IDLE = f"flow = '{{}}' AND vm_status IN ({', '.join(map(repr, sorted(AT_REST)))})"
_ORDER = f"CASE WHEN {_IDLE} THEN 0 ELSE 1 END"


class LeaseLost(Exception):
    """Another worker took this VM over, or an operator changed it: stop and discard."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one VM."""

    vm_id: int
    owner: str
    fence: int


def claim_due(owner: str, limit: int, only_idle: bool = False) -> list[Claim]:
    """Claim up to `limit` VMs that are due and free: first idle ones, for which somebody requested
    something, then the longest due. `only_idle` claims none but the first kind.
    """
    which = f"{_DUE} AND {_IDLE}" if only_idle else _DUE
    with session():
        if execute(f"SELECT 1 FROM vm WHERE {which} LIMIT 1").fetchone() is None:
            return []  # no write lock while there is nothing to claim
        with urgent():
            return in_transaction(lambda: _claim(owner, limit, which))


def _claim(owner: str, limit: int, which: str) -> list[Claim]:
    skip = " FOR UPDATE SKIP LOCKED" if is_postgres() else ""
    found = execute(
        "UPDATE vm SET lease_owner = ?, lease_until = now_ms() + ?, fence = fence + 1 WHERE id IN "
        f"(SELECT id FROM vm WHERE {which} ORDER BY {_ORDER}, due_at, id LIMIT ?{skip}) "
        f"RETURNING id, fence, due_at, {_ORDER}",
        owner,
        LEASE_MS,
        limit,
    )
    rows = sorted(found.fetchall(), key=lambda row: (row[3], row[2], row[0]))
    return [Claim(vm_id, owner, fence) for vm_id, fence, _, _ in rows]


def next_due_in() -> float | None:
    """Seconds until the next unclaimed VM is due; None when none will be."""
    sql = "SELECT MIN(due_at) - now_ms() FROM vm WHERE due_at IS NOT NULL AND lease_until < now_ms()"
    with session():
        left = execute(sql).fetchone()[0]
    return None if left is None else max(0.0, left / 1000)


def renew(owner: str, walked: Collection[int]) -> None:
    """Extend a worker's leases on the VMs it walks; call it inside a transaction."""
    if not walked:
        return
    marks = ", ".join("?" * len(walked))
    sql = f"UPDATE vm SET lease_until = now_ms() + ? WHERE lease_owner = ? AND id IN ({marks})"
    execute(sql, LEASE_MS, owner, *walked)


def void_unwalked(
    owner: str, walked: Collection[int], before: Collection[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Void this worker's leases that nobody walked now and `before`; returns what nobody walks now and still holds.

    They are left behind when the database goes away while a claim is made or released. A lease counts only when
    it is found twice, because a claim is written a moment before its walk begins. Inside a transaction.
    """
    held = execute("SELECT id, fence FROM vm WHERE lease_owner = ?", owner).fetchall()
    unwalked = {(vm_id, fence) for vm_id, fence in held if vm_id not in walked}
    lost = unwalked.intersection(before)
    if lost:
        _void((Vm.lease_owner == owner) & Vm.id.in_([vm_id for vm_id, _ in lost]))
    return unwalked - lost


def check(claim: Claim) -> None:
    """Raise LeaseLost when another worker holds the VM; inside a transaction it stays so to its end."""
    held = execute(
        "UPDATE vm SET lease_until = now_ms() + ? WHERE id = ? AND fence = ? AND lease_owner = ?",
        LEASE_MS,
        claim.vm_id,
        claim.fence,
        claim.owner,
    )
    if not held.rowcount:
        raise LeaseLost(f"VM {claim.vm_id} was taken over")


def write(claim: Claim, **changes: Any) -> None:
    """Change the VM's row and renew the lease, or raise LeaseLost; call it inside a transaction.

    `due_in` sets `due_at` to so many milliseconds from now, on the database's clock.
    """
    _write(claim, f"lease_until = now_ms() + {LEASE_MS}", changes)


def park(claim: Claim, **changes: Any) -> None:
    """Change the VM's row as `write` does and release the lease with it; call it inside a transaction."""
    _write(claim, "lease_owner = '', lease_until = 0", changes)


def _write(claim: Claim, lease: str, changes: dict[str, Any]) -> None:
    due_in = changes.pop("due_in", None)
    columns, values = _columns(changes)
    if due_in is not None:
        columns, values = f"{columns}, due_at = now_ms() + ?", [*values, due_in]
    held = execute(
        f"UPDATE vm SET {lease}, updated_at = now_ms(), revision = revision + 1{columns} "
        "WHERE id = ? AND fence = ? AND lease_owner = ?",
        *values,
        claim.vm_id,
        claim.fence,
        claim.owner,
    )
    if not held.rowcount:
        raise LeaseLost(f"VM {claim.vm_id} was taken over")


def _columns(changes: dict[str, Any]) -> tuple[str, list[Any]]:
    """The assignments for these fields, with their values as the database keeps them."""
    fields = Vm._meta.fields
    text = "".join(f', "{fields[name].column_name}" = ?' for name in changes)
    return text, [fields[name].db_value(value) for name, value in changes.items()]


def release(claim: Claim) -> None:
    """Let others claim the VM; what it waits for was written before."""
    sql = "UPDATE vm SET lease_owner = '', lease_until = 0 WHERE id = ? AND fence = ? AND lease_owner = ?"
    in_transaction(lambda: execute(sql, claim.vm_id, claim.fence, claim.owner))


def take_over(vm_id: int) -> None:
    """Void whatever lease a VM has, for an operator's change; call it inside the change's transaction."""
    _void(Vm.id == vm_id)


def void_of(owner: str) -> None:
    """End the leases of a worker; the raised fence makes its late writes void. Inside a transaction."""
    _void(Vm.lease_owner == owner)


def _void(which: Any) -> None:
    now = now_expression()
    Vm.update(lease_owner="", lease_until=0, fence=Vm.fence + 1, due_at=fn.COALESCE(Vm.due_at, now)).where(
        which
    ).execute()
