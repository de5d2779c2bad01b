"""Measure allocations from a /64 pool with a million addresses in use, contiguous and fragmented.

    python -m benchmarks.ipam                         SQLite in a temporary folder
    python -m benchmarks.ipam postgresql://…          that (empty) database

Target: a median of at most 2 ms on SQLite. Every allocation and release is its own transaction,
with the program's durability settings.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from engine.ipam import pools, ranges
from engine.ipam.allocate import Want, allocate, release
from engine.ipam.spans import Span, chunks, key, number
from engine.ipam.spec import PoolSpec
from engine.store.database import close_database, open_database, session, transaction
from engine.store.migrate import migrate
from engine.store.models import Address, Client, Pool, Product, Server, Service, Vm
from engine.store.urls import sqlite_url

USED = 1_000_000
FRAGMENTS = 5_000
ROUNDS = 500
FIRST = IPv6Address("2001:db8::")


def main() -> int:
    """Measure the database given on the command line, or SQLite; 1 if SQLite misses the target."""
    if len(sys.argv) > 1:
        return _measure(sys.argv[1], "PostgreSQL")
    with tempfile.TemporaryDirectory() as folder:
        return _measure(sqlite_url(Path(folder) / "kvmtui.db"), "SQLite")


def _measure(url: str, name: str) -> int:
    open_database(url)
    migrate()
    with session():
        pool, vm = _site()
        _fill(pool)
        whole = _report(f"{name}, {USED:,} used, one free range", vm)
        _fragment(pool)
        pieces = _report(f"{name}, {USED - FRAGMENTS:,} used, {FRAGMENTS:,} holes", vm)
        _timed(f"{name}, usage of all pools", lambda: pools.usage(), 5)
        _timed(f"{name}, a page of allocations", lambda: pools.who_has(pool, offset=1000, limit=50), 5)
    close_database()
    return 1 if name == "SQLite" and max(whole, pieces) > 2.0 else 0


def _site() -> tuple[Pool, Vm]:
    server = Server.create(uid="s", name="pve1", hosts=["127.0.0.1"])
    product = Product.create(name="VPS", server=server, spec={})
    service = Service.create(client=Client.create(name="Acme"), product=product)
    last = IPv6Address(int(FIRST) + (1 << 64) - 1)
    spec = PoolSpec("pve1", "IPv6", "vmbr0", 0, ip_address("2001:db8::1"), 64, FIRST, last)
    return pools.create_pool(spec), Vm.create(uid="v", service=service, server=server)


def _fill(pool: Pool) -> None:
    """Reserve the lowest addresses directly in the tables; allocating them one by one would take minutes."""
    start = number(FIRST) + 2
    fixed = {"server": pool.server_id, "pool": pool.id, "bridge": "vmbr0", "state": "reserved", "prefix": 64}
    with transaction():
        for places in chunks(range(start, start + USED)):
            Address.insert_many([fixed | {"address": key(place)} for place in places]).execute()
        ranges.cut(pool.id, Span(start, start + USED - 1))


def _fragment(pool: Pool) -> None:
    """Release every 200th address."""
    start = number(FIRST) + 2
    places = range(start + 100, start + USED, USED // FRAGMENTS)
    with transaction():
        for some in chunks(places):
            Address.delete().where(Address.address.in_([key(place) for place in some])).execute()
        for place in places:
            ranges.give(pool.id, Span(place, place))


def _report(title: str, vm: Vm) -> float:
    want = Want(ipv4=0, ipv6=1)
    taken = [(_clock(lambda: allocate(vm, want)), _clock(lambda: release(vm))) for _ in range(ROUNDS)]
    median = statistics.median(each[0] for each in taken)
    worst = sorted(each[0] for each in taken)[int(ROUNDS * 0.99)]
    back = statistics.median(each[1] for each in taken)
    print(f"{title}: allocate median {median:.2f} ms, 99 % {worst:.2f} ms; release median {back:.2f} ms")
    return median


def _timed(title: str, work: Callable[[], object], rounds: int) -> None:
    print(f"{title}: {statistics.median(_clock(work) for _ in range(rounds)):.1f} ms")


def _clock(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    sys.exit(main())
