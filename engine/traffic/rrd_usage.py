"""The usage Proxmox recorded of a guest, as slots: asked only where its answer can change what a month is billed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise

from engine.errors import KvmtuiError
from engine.proxmox.guest_values import RrdPoint
from engine.proxmox.guest_view import GuestView
from engine.traffic.calendar import month_of
from engine.traffic.hourly_bytes import HOUR_MS, CounterChange, CounterReading, RateSpan, counter_change

log = logging.getLogger(__name__)
GAP_MS = 2 * HOUR_MS  # a longer time without a reading is a gap that recorded usage has to bridge
_DAY_MS = 24 * HOUR_MS
# how far back each grid of recorded usage reaches at least, in every version of Proxmox
_FRAMES = (("hour", HOUR_MS), ("day", _DAY_MS), ("week", 7 * _DAY_MS), ("month", 30 * _DAY_MS))


def is_needed(last: CounterReading, now: CounterReading) -> bool:
    """Whether the counters alone leave open what was transferred, or in which month."""
    missed = now.at - last.at > GAP_MS
    match counter_change(last, now):
        case CounterChange.STALE:
            return False
        case CounterChange.CUT:
            return True
        case CounterChange.RESTARTED:
            return missed or last.uptime > 0
    return missed and month_of(last.at) != month_of(now.at)


def recorded(view: GuestView, since: int, until: int) -> list[RateSpan]:
    """The recorded usage between two moments, the finest known slots first; what cannot be read is left out."""
    slots: list[RateSpan] = []
    edge = until + HOUR_MS
    for frame in _frames(until - since):
        try:
            coarser = [
                slot for slot in _slots(view.rrddata(frame)) if since <= slot.start and slot.end <= edge
            ]
        except KvmtuiError as error:
            log.warning("The recorded usage of VM %s is not known: %s", view.vmid, error.sentence)
            return slots
        slots += coarser
        edge = min([edge, *(slot.start for slot in coarser)])
    return slots


def _frames(age: int) -> list[str]:
    """The grids that reach back so far together, the finest first."""
    frames = []
    for frame, reach in _FRAMES:
        frames.append(frame)
        if age <= reach:
            return frames
    return [*frames, "year"]


def _slots(points: tuple[RrdPoint, ...]) -> Iterator[RateSpan]:
    """A point tells of the time that ends with it; those without data tell nothing."""
    for before, point in pairwise(points):
        if point.net_in is not None and point.net_out is not None:
            yield RateSpan(before.time_ms, point.time_ms, (max(0.0, point.net_in), max(0.0, point.net_out)))
