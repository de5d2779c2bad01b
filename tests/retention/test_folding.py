"""Hours become days and days become months; what a month is billed never changes."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.clock import use_zone
from engine.queries.traffic import months
from engine.schedule.retention import fold
from engine.store.database import close_database, open_database
from engine.store.models import Setting, Traffic
from engine.store.settings import Retention
from engine.store.urls import sqlite_url
from engine.traffic import counters
from engine.traffic.hourly_bytes import HOUR_MS, CounterReading
from tests import seeds
from tests.conftest import Store

DAY_MS = 24 * HOUR_MS
ZONES = ("Europe/Warsaw", "Asia/Kolkata", "America/St_Johns", "UTC", "Pacific/Auckland")


@pytest.fixture(autouse=True)
def utc_afterwards() -> Iterator[None]:
    yield
    use_zone("UTC")


def at(zone: str, *moment: int) -> int:
    return int(datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[misc,arg-type]


def clean(now: int, days: int = 7) -> None:
    fold(Retention(traffic_hours_days=days), lambda: True, 0.0, now)


def add(vm: int, hour: int, came: int, went: int = 1) -> None:
    counters._add([{"vm": vm, "service": vm + 70, "hour": hour, "bytes_in": came, "bytes_out": went}])


@pytest.mark.parametrize("zone", ZONES)
def test_hours_become_days_then_months(store: Store, zone: str) -> None:
    use_zone(zone)
    begin, now = at(zone, 2026, 1, 10), at(zone, 2026, 4, 20, 15)
    hours = range(begin - begin % HOUR_MS, now, HOUR_MS)
    for vm in (1, 2, 3):
        rows = [{"vm": vm, "service": vm, "hour": hour, "bytes_in": 1, "bytes_out": 2} for hour in hours]
        for place in range(0, len(rows), 500):
            Traffic.insert_many(rows[place : place + 500]).execute()
    before = months(None)
    clean(now)
    # January and February, 31 days of March and 12 of April, 7 days of hours and today's
    for vm in (1, 2, 3):
        kept = [row.hour for row in Traffic.select().where(Traffic.vm == vm)]
        recent = [hour for hour in hours if hour >= at(zone, 2026, 4, 13)]
        assert len(kept) == 2 + 31 + 12 + len(recent)
    assert months(None) == before
    clean(now)
    assert months(None) == before


def test_without_days_hours_wait_for_their_month(store: Store) -> None:
    for day in range(1, 29):
        add(1, at("UTC", 2026, 2, day), 5)
        add(1, at("UTC", 2026, 3, day), 5)
    clean(at("UTC", 2026, 4, 20), days=0)
    assert Traffic.select().count() == 1 + 28


@settings(
    max_examples=seeds.examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32), zone=st.sampled_from(ZONES), days=st.integers(0, 40))
def test_no_month_ever_changes(migrated_sqlite: Path, seed: int, zone: str, days: int) -> None:
    """Hours come at random, late ones too, folds happen in between, and a pass may be forgotten."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kvmtui.db"
        shutil.copy(migrated_sqlite, path)
        path.chmod(0o600)
        open_database(sqlite_url(path))
        try:
            use_zone(zone)
            expected: dict[tuple[int, str], list[int]] = {}
            now = at(zone, 2025, 11, 1)
            for _ in range(12):
                now += chance.randrange(1, 15 * DAY_MS)
                for _ in range(chance.randrange(30)):
                    vm, hour = chance.choice((1, 2)), now - chance.randrange(90 * DAY_MS)
                    hour -= hour % HOUR_MS
                    came, went = chance.randrange(1 << 50), chance.randrange(1 << 50)
                    add(vm, hour, came, went)
                    month = datetime.fromtimestamp(hour / 1000, ZoneInfo(zone)).strftime("%Y-%m")
                    sums = expected.setdefault((vm + 70, month), [0, 0])
                    sums[0], sums[1] = sums[0] + came, sums[1] + went
                clean(now, days)
                if chance.random() < 0.1:
                    Setting.delete().execute()
            found = {(one.service_id, one.month): [one.bytes_in, one.bytes_out] for one in months(None)}
            assert found == expected
        finally:
            close_database()


def test_a_pass_that_is_cut_short_continues(store: Store) -> None:
    now = at("UTC", 2026, 4, 20)
    for vm in range(1, 121):
        for hour in range(24):
            add(vm, at("UTC", 2026, 4, 1, hour), 1)
    calls = iter([True, False])
    fold(Retention(), lambda: next(calls), 0.0, now)
    folded = Traffic.select(Traffic.vm).group_by(Traffic.vm).count()
    assert folded == 120 and 121 < Traffic.select().count() < 120 * 24
    clean(now)
    assert Traffic.select().count() == 120
    add(1, at("UTC", 2026, 4, 1, 5), 1)
    clean(now)  # the day's pass is over
    assert Traffic.select().count() == 121
    clean(now + DAY_MS)
    assert Traffic.select().count() == 120


def test_a_folded_day_does_not_say_that_more_was_counted(store: Store) -> None:
    """A VM that was last read at 08:20 is bridged from there, not from where its folded day stands."""
    last = at("UTC", 2026, 4, 1, 8, 20)
    for hour in range(9):
        add(1, at("UTC", 2026, 4, 1, hour), 1)
    clean(at("UTC", 2026, 4, 20))
    assert Traffic.select().count() == 1
    vm = counters.CountedVm(1, 71, 101, "pve1", CounterReading(last, 9, 9, 100), True)
    assert counters.counted_until(vm) == last


def test_a_zone_that_is_changed_moves_no_folded_day(store: Store) -> None:
    use_zone("Europe/Warsaw")
    for month, day in ((2, 1), (3, 1), (3, 31), (4, 1)):
        for hour in range(24):
            add(1, at("Europe/Warsaw", 2026, month, day, hour), 10)
    clean(at("Europe/Warsaw", 2026, 4, 20))
    before = [(one.month, one.bytes_in) for one in months(None)]
    assert before == [("2026-04", 240), ("2026-03", 480), ("2026-02", 240)]
    for zone in ("UTC", "America/St_Johns", "Asia/Kolkata"):
        use_zone(zone)
        assert [(one.month, one.bytes_in) for one in months(None)] == before


def test_a_record_that_goes_leaves_a_row_per_month(store: Store) -> None:
    for day in range(1, 29):
        for month in (3, 4):
            add(1, at("UTC", 2026, month, day, 12), 1)
    before = months(None)
    counters.forget(1)
    assert Traffic.select().count() == 2 and months(None) == before
    add(1, at("UTC", 2026, 4, 14, 12), 7)
    assert months(71, "2026-04")[0].bytes_in == 28 + 7
