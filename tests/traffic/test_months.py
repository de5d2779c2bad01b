"""Months as they are billed: the site's midnights, and the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import use_zone
from engine.errors import Refused
from engine.queries.traffic import MonthView, months
from engine.store.database import close_database, in_transaction, open_database
from engine.store.models import Traffic, TrafficMark
from engine.store.urls import sqlite_url
from engine.traffic import counters
from engine.traffic.aggregation import edges, fold_next
from engine.traffic.calendar import bounds, month_before, month_of
from engine.traffic.hourly_bytes import HOUR_MS, CounterReading
from tests.conftest import Ran, Store
from tests.manifest.conftest import SITE


@pytest.fixture(params=["Europe/Warsaw", "Asia/Kolkata", "America/St_Johns", "UTC"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    use_zone(request.param)
    yield request.param
    use_zone("UTC")


def at(zone: str, *moment: int) -> int:
    return int(datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[misc,arg-type]


def counted_vm(last: int, vm: int = 1, service: int = 7, known: bool = False) -> counters.CountedVm:
    return counters.CountedVm(vm, service, 100 + vm, "pve1", CounterReading(last, 0, 0, 0), known)


def count(one: counters.CountedVm, now: int, came: int, went: int) -> None:
    seconds = (now - one.last.at) // 1000
    assert counters.keep([counters.bytes_of(one, CounterReading(now, came, went, seconds))]) == 1


def test_a_month_ends_at_the_midnight_of_the_site(store: Store, zone: str) -> None:
    midnight = at(zone, 2026, 4, 1)
    count(counted_vm(midnight - 2 * HOUR_MS), midnight + HOUR_MS, 3_000, 300)
    april, march = MonthView(7, "2026-04", 1_000, 100), MonthView(7, "2026-03", 2_000, 200)
    assert months(7) == [april, march]
    assert months(7, "2026-03") == [march] and months(7, "2026-02") == [] and months(8) == []
    assert bounds("2026-04")[0] == midnight and month_of(midnight - 1) == "2026-03"


def test_every_service_at_once(store: Store) -> None:
    begin = at("UTC", 2026, 4, 5)
    for vm in (3, 1, 2):
        count(counted_vm(begin, vm, service=70 + vm), begin + HOUR_MS, 100 * vm, vm)
    assert months(None) == [MonthView(70 + vm, "2026-04", 100 * vm, vm) for vm in (1, 2, 3)]
    assert months(None, "2026-05") == []


def test_a_number_that_is_used_again_does_not_mix_two_services(store: Store) -> None:
    begin = at("UTC", 2026, 1, 10)
    for service, came in ((7, 700), (8, 800), (9, 900)):
        count(counted_vm(begin, service=service), begin + 2 * HOUR_MS, came, 0)
        in_transaction(lambda: counters.forget(1))
    count(counted_vm(begin, service=10), begin + 2 * HOUR_MS, 1000, 0)
    fold_next(None, edges(at("UTC", 2026, 6, 1), 7))
    expected = [MonthView(service, "2026-01", 100 * service, 0) for service in (7, 8, 9, 10)]
    assert months(None) == expected and TrafficMark.select().count() == 1


@given(moment=st.integers(0, 4_000_000_000_000))
def test_months_follow_each_other_without_a_gap(moment: int) -> None:
    name = month_of(moment)
    low, high = bounds(name)
    assert low <= moment < high and bounds(month_before(name))[1] == low and month_of(high) > name


@pytest.mark.parametrize("wrong", ["2026-13", "2026-4", "0000-01", "9999-12", "next", "２０２６-01"])
def test_what_is_no_month_is_refused(sqlite_store: Store, wrong: str) -> None:
    with pytest.raises(Refused, match="YYYY-MM"):
        months(7, wrong)


def test_the_command_line(kvmtui: Callable[..., Ran], home: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "site.yaml"
    manifest.write_text(SITE)
    assert kvmtui("apply", str(manifest)).exit == 0
    (home / "config.toml").write_text('time_zone = "Europe/Warsaw"\n')
    open_database(sqlite_url(home / "kvmtui.db"))
    for vm, service in ((1, 5546), (2, 9000)):  # the second one's service is long gone
        Traffic.insert(
            vm=vm, service=service, hour=at("Europe/Warsaw", 2026, 4, 1), bytes_in=3 * 2**30
        ).execute()
    assert TrafficMark.select().count() == 0
    close_database()
    row = {"service_id": 5546, "month": "2026-04", "bytes_in": 3 * 2**30, "bytes_out": 0}
    assert json.loads(kvmtui("vm", "stats", "5546", "--json").stdout) == [row]
    every = kvmtui("vm", "stats", "--all", "--month", "2026-04", "--csv").stdout
    read = list(csv.DictReader(every.splitlines()))
    assert [one["service_id"] for one in read] == ["5546", "9000"]
    assert read[0] == {name: str(value) for name, value in row.items()}
    assert "3.00" in kvmtui("vm", "stats", "5546").stdout
    assert kvmtui("vm", "stats", "5546", "--month", "2026-03", "--json").stdout == "[]\n"
    for wrong in ([], ["5546", "--all"], ["5546", "--month", "2026-13"], ["5546", "--csv", "--json"], ["77"]):
        refused = kvmtui("vm", "stats", *wrong)
        assert (refused.exit, refused.stdout) == (2, "") and refused.stderr
