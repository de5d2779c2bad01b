"""What a VM used over the last hour, day, week, month or year, as Proxmox measured it.

Every figure is a number or a gap: the VM was off, or nobody measured. Percentages are of what the VM has,
rates are bytes per second. Over a week and longer a point is an average of hours, so the peaks are read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

from engine.clock import Moment
from engine.errors import Refused
from engine.proxmox.faults import ProxmoxError
from engine.proxmox.guest_values import RrdPoint
from engine.proxmox.guest_view import GuestView
from engine.queries.descriptions import rate
from engine.queries.observation import GuestReader, Observation, ObservedVm, number

Span = Literal["hour", "day", "week", "month", "year"]
SPANS: tuple[Span, ...] = ("hour", "day", "week", "month", "year")
_WITH_PEAKS = ("week", "month", "year")


@dataclass(frozen=True, slots=True)
class Point:
    """One moment's usage; None is a gap. Percent for the first two, bytes per second for the others."""

    time: Moment
    cpu: float | None = None
    memory: float | None = None
    disk_read: float | None = None
    disk_written: float | None = None
    net_in: float | None = None
    net_out: float | None = None


METRICS = tuple(each.name for each in fields(Point) if each.name != "time")
NAMES: dict[str, str] = dict(
    zip(METRICS, ("CPU", "RAM", "Disk read", "Disk write", "Network in", "Network out"), strict=True)
)
"""The metrics as people call them."""
PERCENT = ("cpu", "memory")
"""The metrics that are percentages; the others are bytes per second."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A metric in three numbers; None where nothing was measured."""

    latest: float | None
    average: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class ChartsView:
    """The usage of a VM over a span; no points unless it was seen and something was measured."""

    looked: Observation
    span: Span
    step_s: int = 0
    points: tuple[Point, ...] = ()
    figures: dict[str, Figures] | None = None
    peaks: bool = False
    """Whether the maxima are peaks that Proxmox kept, and not the highest of the averages."""


_Read = tuple[tuple[Point, ...], tuple[Point, ...]]


class Gauge:
    """Reads the usage of one VM again and again, over one login."""

    def __init__(self, service_id: int, span: Span = "hour") -> None:
        self._eye: GuestReader[_Read] = GuestReader(service_id, self._read)
        self.span = checked(span)

    def look(self) -> ChartsView:
        """The usage over the span; refused only when the service has no VM or is unknown."""
        looked, found = self._eye.look()
        if found is None:
            return ChartsView(looked, self.span)
        points, peaks = found
        figures = {name: _figures(name, points, peaks) for name in METRICS}
        return ChartsView(looked, self.span, _step(points), points, figures, bool(peaks))

    def close(self) -> None:
        """Lets go of the cluster."""
        self._eye.close()

    def _read(self, subject: ObservedVm, view: GuestView) -> _Read:
        subject.prove(view.config())
        points = _points(view.rrddata(self.span))
        return points, _peaks(view, self.span) if points else ()


def charts(service_id: int, span: str = "hour") -> ChartsView:
    """The usage of a VM over a span; refused only when the VM or the span is unknown."""
    gauge = Gauge(service_id, checked(span))
    try:
        return gauge.look()
    finally:
        gauge.close()


def checked(span: str) -> Span:
    """The span of that name; refused when there is none."""
    for each in SPANS:
        if each == span:
            return each
    raise Refused(f"Unknown span '{span}'. Use one of: {', '.join(SPANS)}.")


def in_unit(metric: str, value: float | None) -> str:
    """A value of a metric with its unit; a question mark for a gap."""
    if value is None:
        return "?"
    return f"{value:.1f} %" if metric in PERCENT else rate(value)


def _peaks(view: GuestView, span: Span) -> tuple[Point, ...]:
    """The peaks Proxmox kept beside the averages; none for short spans, or where it does not offer them."""
    if span not in _WITH_PEAKS:
        return ()
    try:
        answer = view.read("Reading the peaks", "rrddata", params={"timeframe": span, "cf": "MAX"})
        return _points(RrdPoint.of(row) for row in answer.rows())
    except ProxmoxError:
        return ()


def _points(measured: Iterable[RrdPoint]) -> tuple[Point, ...]:
    """The points in the order of time; none when nothing was measured at all."""
    found = sorted((_point(each) for each in measured if each.time_ms > 0), key=lambda point: point.time)
    return tuple(found) if any(map(_holds_something, found)) else ()


def _point(measured: RrdPoint) -> Point:
    return Point(
        measured.time_ms,
        number(None if measured.cpu is None else 100 * measured.cpu, 2),
        _share(measured.memory_used, measured.memory),
        number(measured.disk_read, 1),
        number(measured.disk_written, 1),
        number(measured.net_in, 1),
        number(measured.net_out, 1),
    )


def _share(used: float | None, whole: float | None) -> float | None:
    return number(100 * used / whole, 2) if used is not None and whole else None


def _holds_something(point: Point) -> bool:
    return any(getattr(point, name) is not None for name in METRICS)


def _figures(name: str, points: Sequence[Point], peaks: Sequence[Point]) -> Figures:
    known = _known(name, points)
    if not known:
        return Figures(None, None, None)
    highest = max(known + _known(name, peaks))
    return Figures(known[-1], round(sum(known) / len(known), 2), highest)


def _known(name: str, points: Sequence[Point]) -> list[float]:
    return [value for point in points if (value := getattr(point, name)) is not None]


def _step(points: Sequence[Point]) -> int:
    """Seconds from one point to the next."""
    return min(((b.time - a.time) // 1000 for a, b in pairwise(points)), default=0)
