"""Random histories of a guest: nothing is counted twice or lost while the counters run, and gaps are bridged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.traffic.hourly_bytes import (
    CLOCKS_MS,
    HOUR_MS,
    CounterChange,
    CounterReading,
    RateSpan,
    counted,
    counter_change,
)

BEGIN = 1_790_000_000_000  # an ordinary moment, in the middle of an hour
SLOT_MS = 60_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Life:
    """What a guest really did: when it ran, how fast bytes flowed, when its NIC was replaced. Milliseconds."""

    runs: tuple[tuple[int, int, int], ...]  # beginning, end, bytes per millisecond
    cuts: tuple[int, ...] = ()

    def flowed(self, since: int, until: int) -> int:
        """The bytes between two moments: the truth."""
        return sum(max(0, min(stop, until) - max(start, since)) * rate for start, stop, rate in self.runs)

    def looked(self, at: int, stale: int = 0) -> CounterReading:
        """What its counters show at a moment, perhaps by an overview that is some milliseconds old."""
        seen = at - stale
        for start, stop, _ in self.runs:
            if start <= seen < stop:
                since = max([start, *(cut for cut in self.cuts if start <= cut <= seen)])
                flowed = self.flowed(since, seen)
                return CounterReading(at, flowed, 2 * flowed, (seen - start) // 1000)
        return CounterReading(at, 0, 0, 0)

    def slots(self, since: int, until: int) -> Iterator[RateSpan]:
        """What Proxmox recorded; a slot in which counters restarted is unknown to it."""
        for start in range(since - since % SLOT_MS, until, SLOT_MS):
            end = start + SLOT_MS
            starts = [moment for moment, _, _ in self.runs]
            if not any(start < moment <= end for moment in (*starts, *self.cuts)):
                rate = self.flowed(start, end) * 1000 / SLOT_MS
                yield RateSpan(start, end, (rate, 2 * rate))


MINUTE, HOUR = 60_000, HOUR_MS


@st.composite
def lives(draw: st.DrawFn, restarts: int = 5) -> Life:
    """A life of up to some starts, with cuts of its card."""
    runs, moment = [], BEGIN
    for _ in range(draw(st.integers(1, restarts + 1))):
        start = moment + draw(st.integers(0, 5 * HOUR))
        moment = start + draw(st.integers(1000, 12 * HOUR))
        runs.append((start, moment, draw(st.integers(0, 10**6))))
    cuts = draw(st.lists(st.integers(BEGIN, moment), max_size=2 if restarts else 0))
    return Life(tuple(runs), tuple(sorted(cuts)))


looks = st.lists(st.tuples(st.integers(CLOCKS_MS, 8 * HOUR), st.integers(0, 10_000)), min_size=1, max_size=12)


def readings(life: Life, pauses: list[tuple[int, int]]) -> list[CounterReading]:
    """The first reading, of a new VM, and one after each pause."""
    found, at = [CounterReading(BEGIN, 0, 0, 0)], BEGIN
    for pause, stale in pauses:
        at += pause
        found.append(life.looked(at, min(stale, at - BEGIN)))
    return found


def collect(life: Life, seen: list[CounterReading]) -> dict[int, tuple[int, int]]:
    """Count from reading to reading, as the task does: a stale one is passed over."""
    sums: dict[int, tuple[int, int]] = {}
    last = seen[0]
    for reading in seen[1:]:
        if counter_change(last, reading) is CounterChange.STALE:
            continue
        for hour, (came, went) in counted(last, reading, life.slots(last.at, reading.at)).items():
            assert hour % HOUR_MS == 0 and last.at - HOUR_MS < hour <= reading.at
            before = sums.get(hour, (0, 0))
            sums[hour] = before[0] + came, before[1] + went
        last = reading
    return sums


def total(sums: dict[int, tuple[int, int]]) -> tuple[int, int]:
    return sum(came for came, _ in sums.values()), sum(went for _, went in sums.values())


@settings(max_examples=300)
@given(life=lives(), pauses=looks)
def test_no_byte_is_counted_twice_and_gaps_are_bridged(life: Life, pauses: list[tuple[int, int]]) -> None:
    seen = readings(life, pauses)
    came, went = total(collect(life, seen))
    end = seen[-1].at
    truth = life.flowed(BEGIN, end)
    assert came <= truth and went <= 2 * truth
    if life.cuts:
        return  # a replaced NIC is not noticed once it has counted more than before
    # what may be missing: around each start and look, the slots that are not surely outside
    fastest = max(rate for _, _, rate in life.runs)
    edges = 2 * len(seen) + 3 * len(life.runs)
    assert truth - came <= edges * fastest * (2 * SLOT_MS + CLOCKS_MS + 11_000)


@given(life=lives(restarts=0), pauses=looks)
def test_while_the_counters_continue_the_sum_is_exact(life: Life, pauses: list[tuple[int, int]]) -> None:
    ((_, stop, _),) = life.runs
    seen = [one for one in readings(life, pauses) if one.at < stop]
    assert total(collect(life, seen)) == (seen[-1].net_in, seen[-1].net_out)


@given(life=lives(), pauses=looks)
def test_the_same_reading_twice_adds_nothing(life: Life, pauses: list[tuple[int, int]]) -> None:
    for one in readings(life, pauses):
        assert counted(one, one) == {}


@given(life=lives(restarts=0), gap=st.integers(HOUR, 5 * DAY_MS))
def test_recorded_usage_says_on_which_hours_a_gap_falls(life: Life, gap: int) -> None:
    ((start, stop, rate),) = life.runs
    now = life.looked(min(start + gap, stop - 1))
    for hour, (came, _) in counted(CounterReading(BEGIN, 0, 0, 0), now, life.slots(BEGIN, now.at)).items():
        flowed = life.flowed(hour, min(hour + HOUR_MS, now.at))
        assert abs(came - flowed) <= rate * (2 * SLOT_MS + 2000)


FIRST = CounterReading(BEGIN, 5_000, 500, 7200)


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (CounterReading(BEGIN + HOUR, 9_000, 900, 10_800), CounterChange.CONTINUED),
        (
            CounterReading(BEGIN + HOUR, 9_000, 900, 3000),
            CounterChange.RESTARTED,
        ),  # more than before, and yet a new beginning
        (CounterReading(BEGIN + HOUR, 0, 0, 0), CounterChange.RESTARTED),
        (
            CounterReading(BEGIN + 3_000, 4_900, 490, 7195),
            CounterChange.STALE,
        ),  # the overview is behind what we saw ourselves
        (CounterReading(BEGIN + HOUR, 100, 900, 10_800), CounterChange.CUT),  # a NIC was replaced
        (CounterReading(BEGIN - HOUR, 9_000, 900, 7300), CounterChange.CONTINUED),  # our clock went back
    ],
)
def test_what_became_of_the_counters(now: CounterReading, what: CounterChange) -> None:
    assert counter_change(FIRST, now) is what


def test_hours_follow_a_site_half_an_hour_beside_utc() -> None:
    since = BEGIN - BEGIN % HOUR_MS
    last, now = CounterReading(since, 0, 0, 0), CounterReading(since + HOUR_MS, 600, 60, 3600)
    assert counted(last, now) == {since: (600, 60)}
    half = HOUR_MS // 2
    assert counted(last, now, (), half) == {since - half: (300, 30), since + half: (300, 30)}


def test_rows_of_hours_never_overlap() -> None:
    hours = sorted(
        counted(CounterReading(BEGIN, 0, 0, 0), CounterReading(BEGIN + DAY_MS, 10**9, 10**8, 86_400))
    )
    assert all(later - earlier == HOUR_MS for earlier, later in pairwise(hours))
