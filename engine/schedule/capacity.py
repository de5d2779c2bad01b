"""Keeps how full nodes, storages and pools are, from an answer of the cluster that was read anyway."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from engine.clock import now_ms
from engine.ipam.usage import usage
from engine.proxmox.overview import ClusterOverview
from engine.queries.capacity import SLOT_MS
from engine.store.database import in_transaction, session
from engine.store.models import Capacity, Pool

DAY_MS = 86_400_000
_LEAST_MS = DAY_MS // 4  # of figures, before a trend says anything
_LONGEST_DAYS = 365
_LARGEST_POOL = 1 << 48  # larger ones (IPv6) never fill up


def keep(server_id: int, overview: ClusterOverview, now: int = 0) -> None:
    """Keep these figures for the ten minutes they belong to; a later answer of the same minutes replaces them."""
    now = now or now_ms()
    common = {"server": server_id, "at": now - now % SLOT_MS, "seen_at": now}
    rows = [common | row for row in measured(server_id, overview)]
    if not rows:
        return
    _foresee(server_id, rows, now)
    key = [Capacity.server, Capacity.kind, Capacity.node, Capacity.name, Capacity.at]
    kept = [Capacity.seen_at, Capacity.up, Capacity.used, Capacity.total, Capacity.cpu, Capacity.days_left]
    insert = Capacity.insert_many(rows).on_conflict(conflict_target=key, preserve=kept)
    in_transaction(insert.execute)


def measured(server_id: int, overview: ClusterOverview) -> list[dict[str, Any]]:
    """What an answer says of each node and storage, and how full the server's pools are."""
    return [*_nodes(overview), *_storages(overview), *_pools(server_id)]


def _row(kind: str, name: str, used: int, total: int, node: str = "", **more: Any) -> dict[str, Any]:
    row = {"kind": kind, "node": node, "name": name, "used": used, "total": total}
    return row | {"up": True, "cpu": None, "days_left": None} | more


def _nodes(overview: ClusterOverview) -> list[dict[str, Any]]:
    return [
        _row("node", each.name, each.memory_used, each.memory, each.name, up=each.online, cpu=each.cpu)
        for each in overview.nodes
        if each.reported
    ]


def _storages(overview: ClusterOverview) -> list[dict[str, Any]]:
    found = {
        (each.name, "" if each.shared else each.node): (each.used, each.total)
        for each in overview.storages
        if each.total
    }
    return [_row("storage", name, used, total, node) for (name, node), (used, total) in found.items()]


def _pools(server_id: int) -> list[dict[str, Any]]:
    with session():
        ids = [number for (number,) in Pool.select(Pool.id).where(Pool.server == server_id).tuples()]
        full = usage(ids) if ids else {}
    return [
        _row("pool", str(number), count.used, count.total)
        for number, count in full.items()
        if count.total < _LARGEST_POOL
    ]


def _foresee(server_id: int, rows: list[dict[str, Any]], now: int) -> None:
    """Say of each storage and pool when it will be full."""
    points: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    columns = (Capacity.kind, Capacity.node, Capacity.name, Capacity.at, Capacity.used)
    last_day = (Capacity.server == server_id) & (Capacity.kind != "node") & (Capacity.at >= now - DAY_MS)
    with session():
        query = Capacity.select(*columns).where(last_day).order_by(Capacity.at)
        for kind, node, name, at, used in query.tuples():
            points[kind, node, name].append((at, used))
    for row in rows:
        if row["kind"] != "node":
            seen = points[row["kind"], row["node"], row["name"]]
            row["days_left"] = days_until_full([*seen, (now, row["used"])], row["total"])


def days_until_full(points: Sequence[tuple[int, int]], total: int) -> float | None:
    """Days until `total` is reached, by the straight line through the points (moment, used), the last of them now.

    None when it does not grow, when a year is not enough, and while the points span less than six hours.
    """
    began = points[0][0]
    if points[-1][0] - began < _LEAST_MS:
        return None
    xs = [(at - began) / DAY_MS for at, _ in points]
    ys = [float(used) for _, used in points]
    middle, mean = sum(xs) / len(xs), sum(ys) / len(ys)
    rise = sum((x - middle) * (y - mean) for x, y in zip(xs, ys, strict=True))
    slope = rise / sum((x - middle) ** 2 for x in xs)
    if slope <= 0:
        return None
    days = max(0.0, (total - ys[-1]) / slope)
    return round(days, 1) if days <= _LONGEST_DAYS else None
