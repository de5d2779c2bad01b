"""The free-range table against a plain set of numbers, and at the ends of the number line."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.ipam import pools, ranges
from engine.ipam.spans import TOP, Span, merged, number, size, span, without
from engine.store.database import database, session, transaction
from engine.store.models import Pool, Server
from tests import seeds

from .conftest import pool_spec

WIDTH = 24
places = st.integers(0, WIDTH - 1)
runs = st.tuples(places, places).map(lambda ends: Span(min(ends), max(ends)))


def at(base: int, run: Span) -> Span:
    return Span(base + run.lo, base + run.hi)


class Ranges(RuleBasedStateMachine):
    """What is free is a set; the table must never differ from it, nor hold two runs that touch."""

    @initialize()
    def empty(self) -> None:
        with transaction():
            ranges.refill(self.pool, [])
        self.model: set[int] = set()

    pool = 0
    base = 0

    @rule(run=runs)
    def give(self, run: Span) -> None:
        with transaction():
            ranges.give(self.pool, at(self.base, run))
        self.model |= set(range(run.lo, run.hi + 1))

    @rule(run=runs)
    def cut(self, run: Span) -> None:
        with transaction():
            ranges.cut(self.pool, at(self.base, run))
        self.model -= set(range(run.lo, run.hi + 1))

    @rule(run=runs)
    def take(self, run: Span) -> None:
        wanted = set(range(run.lo, run.hi + 1))
        with transaction():
            taken = ranges.take(self.pool, at(self.base, run))
        assert taken == (wanted <= self.model)
        if taken:
            self.model -= wanted

    @rule()
    def take_lowest(self) -> None:
        with transaction():
            taken = ranges.take_lowest(self.pool)
        if taken is None:
            assert not self.model
        else:
            assert taken - self.base == min(self.model)
            self.model.remove(taken - self.base)

    @invariant()
    def same(self) -> None:
        table = list(ranges.free_runs(self.pool))
        assert {n - self.base for run in table for n in range(run.lo, run.hi + 1)} == self.model
        assert table == merged(table)


@pytest.mark.parametrize("base", [0, number(ip_address("192.0.2.0")), TOP - WIDTH + 1])
def test_the_table_is_a_set(server: Server, base: int) -> None:
    pool = pools.create_pool(pool_spec())
    machine = type("Here", (Ranges,), {"pool": pool.id, "base": base})
    quick = settings(
        max_examples=seeds.examples(25),
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=quick)


def test_large_pieces_go_in_one_walk(server: Server) -> None:
    pool = pools.create_pool(pool_spec())
    alternate = [Span(n, n) for n in range(0, 4000, 2)]
    with transaction():
        ranges.refill(pool.id, alternate)
        ranges.cut(pool.id, Span(0, 1999))
        ranges.give(pool.id, Span(2000, 3998))
    assert list(ranges.free_runs(pool.id)) == [Span(2000, 3998)]


@given(st.lists(runs, max_size=6), runs)
def test_without_and_merged_agree_with_sets(holes: list[Span], whole: Span) -> None:
    left = set(range(whole.lo, whole.hi + 1)) - {n for hole in holes for n in range(hole.lo, hole.hi + 1)}
    parts = list(without(whole, merged(holes)))
    assert {n for part in parts for n in range(part.lo, part.hi + 1)} == left
    assert size(parts) == len(left)
    assert parts == merged(parts)


@given(st.ip_addresses())
def test_an_address_keeps_its_place(address) -> None:  # type: ignore[no-untyped-def]
    from engine.ipam.spans import address_at

    if address.version == 4 or address.ipv4_mapped is None:
        assert address_at(number(address)) == address
    assert 0 <= number(address) <= TOP


def test_a_failed_transaction_takes_nothing(server: Server) -> None:
    pool = pools.create_pool(pool_spec())
    before = list(ranges.free_runs(pool.id))
    with pytest.raises(ZeroDivisionError), transaction():
        ranges.take_lowest(pool.id)
        ranges.cut(pool.id, span(ip_address("192.0.2.9"), ip_address("192.0.2.20")))
        _ = 1 / 0
    with session():
        assert list(ranges.free_runs(pool.id)) == before
        assert Pool.get_by_id(pool.id) == pool
    assert not database.is_closed()
