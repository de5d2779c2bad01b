"""The processes that run the engine: each writes a heartbeat, and one without it loses its claims.

All comparisons use the database's clock. A worker that was only slow, or paused past its lease, registers
again with its next heartbeat; its former claims are then fenced off.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, Literal

from engine.store.database import in_transaction, now_expression, session
from engine.store.models import Lease, Worker
from engine.work import claims

Kind = Literal["console", "daemon", "cron"]
STALE_MS = 30_000  # a worker without a heartbeat for this long has lost its leases
BEAT_S = 5.0
_known: dict[str, dict[str, object]] = {}


def register(kind: Kind, version: str) -> str:
    """Enter this process among the workers; returns the name its leases carry."""
    host, pid = socket.gethostname(), os.getpid()
    owner = f"{host}:{pid}:{uuid.uuid4().hex[:8]}"
    _known[owner] = {"kind": kind, "host": host, "pid": pid, "version": version, "process": _process(pid)}
    beat(owner)
    return owner


def beat(
    owner: str, walked: Collection[int] = (), unwalked: Collection[tuple[int, int]] = ()
) -> set[tuple[int, int]]:
    """Show that this worker is alive, renew its leases on the VMs it walks, and take leases from dead workers.

    Leases of its own that nobody walks are ended at the second beat that finds them; what is returned is the
    `unwalked` of the next one.
    """
    left = in_transaction(lambda: _renew(owner, walked, unwalked))
    in_transaction(_remove_dead)
    return left


def _renew(
    owner: str, walked: Collection[int], unwalked: Collection[tuple[int, int]]
) -> set[tuple[int, int]]:
    now = now_expression()
    about = _known.get(owner)
    if about is not None:
        Worker.insert(id=owner, heartbeat_at=now, started_at=now, **about).on_conflict(
            conflict_target=[Worker.id], update={Worker.heartbeat_at: now}
        ).execute()
    claims.renew(owner, walked)
    Lease.update(until=_later(claims.LEASE_MS)).where(Lease.owner == owner).execute()
    return claims.void_unwalked(owner, walked, unwalked)


def leave(owner: str) -> None:
    """Release every lease of this worker: its VMs can be claimed at once."""

    def work() -> None:
        claims.void_of(owner)
        Lease.update(owner="", until=0).where(Lease.owner == owner).execute()
        Worker.delete().where(Worker.id == owner).execute()

    in_transaction(work)
    _known.pop(owner, None)


def fresh() -> list[Worker]:
    """The workers with a heartbeat that is not stale, by the database's clock."""
    with session():
        return list(Worker.select().where(~_stale()))


def _remove_dead() -> None:
    """Void the claims of workers without a heartbeat or, on this very host, without a process."""
    dead = [worker.id for worker in Worker.select().where(_stale())]
    dead += [worker.id for worker in Worker.select() if worker.id not in dead and _process_is_gone(worker)]
    for owner in dead:
        claims.void_of(owner)
        Lease.update(owner="", until=0).where(Lease.owner == owner).execute()
        Worker.delete().where(Worker.id == owner).execute()


def _stale() -> Any:
    """Silent for too long, or from a future that a clock step left behind."""
    now = now_expression()
    return (Worker.heartbeat_at < now - STALE_MS) | (Worker.heartbeat_at > now + STALE_MS)


def _later(by_ms: int) -> Any:
    return now_expression() + by_ms


def _process_is_gone(worker: Worker) -> bool:
    """True only when the worker ran under this boot and PID namespace, where its process no longer exists.

    Two containers may share a host name and a PID; the namespace tells them apart, the start time a reused PID.
    """
    mine, its = _process(os.getpid()).rpartition(":"), str(worker.process).rpartition(":")
    if not its[0] or mine[0] != its[0]:
        return False
    return _started(int(worker.pid)) != its[2]


def _process(pid: int) -> str:
    """`boot:pid-namespace:start`, or empty where the system does not tell."""
    started = _started(pid)
    return f"{_boundary()}:{started}" if _boundary() and started else ""


@cache
def _boundary() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}".replace(" ", "")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process of this host started, in ticks since boot; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
