"""From two readings of a guest's counters to bytes per hour: exact where the counters tell, bridged where they cannot.

The counters of a guest begin again at every start and every live move between nodes, and lose what a network card had
counted when it is plugged again. As long as they continued, their difference is the truth, and the usage Proxmox
recorded only says how it falls on the hours. Else the time before is taken from the recorded usage: whole slots
alone, with a minute to spare at both ends for clocks that differ, so that no byte is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

HOUR_MS = 3_600_000
CLOCKS_MS = 60_000  # how far a node's clock and ours may differ, and how far one start may look like two
_BROADCAST_MS = 15_000  # the cluster's overview is up to ten seconds old, and an uptime is cut to seconds
_STALE_MS = 600_000  # an overview older than this says nothing of the guest at all

Hours = dict[int, tuple[int, int]]  # beginning of the hour -> bytes in, bytes out


@dataclass(frozen=True, slots=True)
class CounterReading:
    """A guest's counters at one moment; all zero for one that is off."""

    at: int
    net_in: int
    net_out: int
    uptime: int

    @property
    def started(self) -> int:
        """When it started, by its uptime."""
        return self.at - self.uptime * 1000


@dataclass(frozen=True, slots=True)
class RateSpan:
    """The average rates over a span of time, bytes per second."""

    start: int
    end: int
    rates: tuple[float, float]


class CounterChange(Enum):
    """What became of the counters since the last reading."""

    CONTINUED = "continued"
    RESTARTED = "restarted with the guest"
    CUT = "went back without a start"
    STALE = "are older than the last reading"


def counter_change(last: CounterReading, now: CounterReading) -> CounterChange:
    """What became of the counters between two readings."""
    if now.started > last.at - _BROADCAST_MS and now.started - last.started > CLOCKS_MS:
        return CounterChange.RESTARTED
    if now.net_in >= last.net_in and now.net_out >= last.net_out and now.uptime >= last.uptime:
        return CounterChange.CONTINUED
    recent = now.at - last.at < _STALE_MS
    return CounterChange.STALE if recent and now.uptime <= last.uptime else CounterChange.CUT


def counted(
    last: CounterReading, now: CounterReading, slots: Iterable[RateSpan] = (), shift: int = 0
) -> Hours:
    """The bytes between two readings, by hour; `shift` is by how much the hours of the site are not those of UTC."""
    moved = tuple(RateSpan(slot.start - shift, slot.end - shift, slot.rates) for slot in slots)
    since, until = replace(last, at=last.at - shift), replace(now, at=now.at - shift)
    return {hour + shift: both for hour, both in _counted(since, until, moved).items() if any(both)}


def _counted(last: CounterReading, now: CounterReading, slots: tuple[RateSpan, ...]) -> Hours:
    match counter_change(last, now):
        case CounterChange.STALE:
            return {}
        case CounterChange.CUT:
            return _recorded(last.at, now.at, slots)
        case CounterChange.CONTINUED:
            totals = now.net_in - last.net_in, now.net_out - last.net_out
            return _spread(last.at, now.at, totals, slots)
    start = min(max(now.started, last.at), now.at)
    fresh = _spread(start, now.at, (now.net_in, now.net_out), slots)
    return _sum(fresh, _recorded(last.at, start, slots))


def _recorded(since: int, until: int, slots: tuple[RateSpan, ...]) -> Hours:
    """What the slots that lie surely and wholly in this time say."""
    found: dict[int, list[float]] = {}
    for slot in slots:
        if since + CLOCKS_MS <= slot.start and slot.end <= until - CLOCKS_MS:
            for hour, length in _hours(slot.start, slot.end):
                sums = found.setdefault(hour, [0.0, 0.0])
                for way in (0, 1):
                    sums[way] += slot.rates[way] * length / 1000
    return {hour: (int(sums[0]), int(sums[1])) for hour, sums in found.items()}


def _spread(since: int, until: int, totals: tuple[int, int], slots: tuple[RateSpan, ...]) -> Hours:
    """The totals over the hours, as the slots weigh them; evenly where they know nothing."""
    if until <= since:
        return {until - until % HOUR_MS: totals}
    even = dict(_hours(since, until))
    came, went = (_share(totals[way], _weights(even, since, until, slots, way)) for way in (0, 1))
    return {hour: (came[hour], went[hour]) for hour in even}


def _weights(
    even: dict[int, int], since: int, until: int, slots: tuple[RateSpan, ...], way: int
) -> dict[int, float]:
    found = dict.fromkeys(even, 0.0)
    for slot in slots:
        for hour, length in _hours(max(slot.start, since), min(slot.end, until)):
            found[hour] += slot.rates[way] * length
    return found if any(found.values()) else {hour: float(length) for hour, length in even.items()}


def _share(total: int, weights: dict[int, float]) -> dict[int, int]:
    """Whole parts in these proportions that add up to the total exactly."""
    whole, so_far, given = sum(weights.values()), 0.0, 0
    parts = {}
    for hour, weight in weights.items():
        so_far += weight
        upto = min(total, max(given, int(total * (so_far / whole))))
        parts[hour], given = upto - given, upto
    return parts


def _hours(since: int, until: int) -> Iterator[tuple[int, int]]:
    """Each hour that is touched, with the milliseconds of it."""
    while since < until:
        hour = since - since % HOUR_MS
        end = min(hour + HOUR_MS, until)
        yield hour, end - since
        since = end


def _sum(one: Hours, other: Hours) -> Hours:
    none = (0, 0)
    pairs = {key: (one.get(key, none), other.get(key, none)) for key in {*one, *other}}
    return {key: (left[0] + right[0], left[1] + right[1]) for key, (left, right) in pairs.items()}
