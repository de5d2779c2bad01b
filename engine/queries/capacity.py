"""How full nodes, storages and pools are, how they were over the last day, and when they will be full."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from peewee import fn

from engine.clock import Moment, now_ms
from engine.ipam.usage import usage
from engine.store.database import session
from engine.store.models import Capacity, Pool, Server, Vm
from engine.store.settings import Thresholds, read

HOURS = 24
SLOT_MS = 600_000  # figures are kept for each ten minutes
HOUR_MS = 3_600_000
STALE_MS = 15 * 60_000
"""Figures older than this raise no alert: the server that does not answer does."""
_RECENT_MS = STALE_MS + SLOT_MS
_KINDS = ("node", "storage", "pool")


def is_full(used: int, total: int, percent: int) -> bool:
    """Whether so much of a whole is used as the threshold says; what has no room at all is full."""
    return 100 * used >= percent * total


@dataclass(frozen=True, slots=True)
class Load:
    """A node, a storage or a pool: what is used now, what was, and when it is full if it continues like this."""

    kind: str  # node, storage, pool
    server: str
    node: str  # empty for what all nodes share
    name: str
    used: int
    total: int
    full: bool  # the threshold of the settings is reached
    seen_at: Moment
    up: bool = True
    cpu_percent: float | None = None
    days_left: float | None = None
    soon: bool = False  # so few days are left that it is an alert
    stale: bool = False  # the cluster has not said so for a while
    history: list[float | None] = field(default_factory=list)
    """Percent in each of the last 24 hours, the oldest first: CPU of a node, else what is used."""
    pool_id: int | None = None
    vms: int = 0

    @property
    def percent(self) -> int:
        """How full it is."""
        return round(100 * self.used / self.total) if self.total else 100

    @property
    def alert(self) -> bool:
        """Whether it needs an operator: a node that is offline, or no room for much longer."""
        return not self.stale and (not self.up if self.kind == "node" else self.full or self.soon)


Key = tuple[int, str, str, str]
_COLUMNS = ("server", "kind", "node", "name", "at", "seen_at", "used", "total", "up", "cpu", "days_left")
Point = tuple[int, Moment, int, int, bool, float | None, float | None]  # from `at` on


def capacity(now: int = 0, history: bool = True) -> list[Load]:
    """Every node and storage that a cluster reported in the last day, and every pool, counted now.

    Nodes by name, the others by how full they are. Without `history` only the last minutes are read.
    """
    now = now or now_ms()
    with session():
        limits = read(Thresholds)
        servers = {row.id: row.name for row in Server.select(Server.id, Server.name)}
        points = _points(now - (HOURS * HOUR_MS if history else _RECENT_MS))
        ours = _ours() if history else {}
        found = [
            _load(key, seen, servers[key[0]], limits, now, ours.get((key[0], key[3]), 0))
            for key, seen in points.items()
            if key[1] != "pool"
        ]
        found += _pools(points, servers, limits, now)
    return sorted(found, key=_rank)


def _rank(load: Load) -> tuple[int, int, str, str, str]:
    fullest = 0 if load.kind == "node" else -load.percent
    return _KINDS.index(load.kind), fullest, load.server, load.name, load.node


def _points(since: int) -> dict[Key, list[Point]]:
    query = Capacity.select(*(getattr(Capacity, name) for name in _COLUMNS)).where(Capacity.at >= since)
    found: dict[Key, list[Point]] = defaultdict(list)
    for server, kind, node, name, *point in query.order_by(Capacity.at).tuples():
        found[server, kind, node, name].append(tuple(point))
    return found


def _ours() -> dict[tuple[int, str], int]:
    """How many of our VMs each node carries."""
    query = Vm.select(Vm.server, Vm.node, fn.COUNT(Vm.id)).where(Vm.vm_status != "remove")
    return {(server, node): count for server, node, count in query.group_by(Vm.server, Vm.node).tuples()}


def _load(key: Key, points: Sequence[Point], server: str, limits: Thresholds, now: int, vms: int) -> Load:
    _, kind, node, name = key
    _, seen_at, used, total, up, cpu, days_left = points[-1]
    limit = limits.node_percent if kind == "node" else limits.storage_percent
    percent = None if cpu is None else round(100 * cpu, 1)
    return Load(
        kind=kind,
        server=server,
        node=node,
        name=name,
        used=used,
        total=total,
        full=up and (is_full(used, total, limit) or (percent is not None and percent >= limit)),
        seen_at=seen_at,
        up=up,
        cpu_percent=percent,
        days_left=days_left,
        soon=_soon(days_left, limits),
        stale=now - seen_at > STALE_MS,
        history=_history(points, kind, now),
        vms=vms if kind == "node" else 0,
    )


def _pools(
    points: dict[Key, list[Point]], servers: dict[int, str], limits: Thresholds, now: int
) -> list[Load]:
    pools = {row.id: row for row in Pool.select()}
    made = []
    for pool_id, count in usage(list(pools)).items():
        row = pools[pool_id]
        seen = points.get((row.server_id, "pool", "", str(pool_id)), [])
        days_left = seen[-1][-1] if seen else None
        made.append(
            Load(
                kind="pool",
                server=servers[row.server_id],
                node="",
                name=f"{row.start} – {row.stop}",
                used=count.used,
                total=count.total,
                full=is_full(count.used, count.total, limits.pool_percent),
                seen_at=now,
                days_left=days_left,
                soon=_soon(days_left, limits),
                history=_history(seen, "pool", now),
                pool_id=pool_id,
            )
        )
    return made


def _soon(days_left: float | None, limits: Thresholds) -> bool:
    return days_left is not None and days_left < limits.full_days


def _history(points: Sequence[Point], kind: str, now: int) -> list[float | None]:
    """A mean for each of the last 24 hours; None for an hour without figures."""
    hours: list[list[float]] = [[] for _ in range(HOURS)]
    first = now // HOUR_MS - HOURS + 1
    for at, _, used, total, _, cpu, _ in points:
        value = cpu if kind == "node" else used / total if total else None
        if value is not None and 0 <= at // HOUR_MS - first < HOURS:
            hours[at // HOUR_MS - first].append(100 * value)
    return [round(sum(some) / len(some), 1) if some else None for some in hours]
