"""Keeps how full nodes, storages and pools are, from an answer of the cluster that was read anyway."""

from __future__ import annotations

from typing import Any

from engine.clock import now_ms
from engine.ipam.usage import usage
from engine.proxmox.values import Overview
from engine.store.database import in_transaction, session
from engine.store.models import Capacity, Pool

SLOT_MS = 600_000
_LARGEST_POOL = 1 << 48  # larger ones (IPv6) never fill up


def keep(server_id: int, overview: Overview, now: int = 0) -> None:
    """Keep these figures for the ten minutes they belong to; a later answer of the same minutes replaces them."""
    now = now or now_ms()
    common = {"server": server_id, "at": now - now % SLOT_MS, "seen_at": now}
    rows = [common | row for row in (*_nodes(overview), *_storages(overview), *_pools(server_id))]
    if not rows:
        return
    key = [Capacity.server, Capacity.kind, Capacity.node, Capacity.name, Capacity.at]
    kept = [Capacity.seen_at, Capacity.up, Capacity.used, Capacity.total, Capacity.cpu]
    insert = Capacity.insert_many(rows).on_conflict(conflict_target=key, preserve=kept)
    in_transaction(insert.execute)


def _row(kind: str, name: str, used: int, total: int, node: str = "", **more: Any) -> dict[str, Any]:
    row = {"kind": kind, "node": node, "name": name, "used": used, "total": total, "up": True, "cpu": None}
    return row | more


def _nodes(overview: Overview) -> list[dict[str, Any]]:
    return [
        _row("node", each.name, each.memory_used, each.memory, each.name, up=each.online, cpu=each.cpu)
        for each in overview.nodes
        if each.reported
    ]


def _storages(overview: Overview) -> list[dict[str, Any]]:
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
