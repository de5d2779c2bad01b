"""Charts as inline SVG: paths and labels made here, so that the page needs no library and no inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.clock import local
from engine.queries.charts import PERCENT, ChartsView, Figures, Point

WIDTH, HEIGHT = 600.0, 160.0
_PAIRS = {
    "compute": ("cpu", "memory"),
    "disk": ("disk_read", "disk_written"),
    "network": ("net_in", "net_out"),
}
_CLOCK = {"hour": "%H:%M", "day": "%H:%M", "week": "%m-%d", "month": "%m-%d", "year": "%Y-%m"}
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_UNITS = ("B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: its path, and its figures as people read them."""

    metric: str
    path: str
    latest: str
    average: str
    maximum: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart: two lines, the values of its grid from the top down to 0, the times at its ends."""

    name: str
    series: tuple[Series, ...]
    grid: tuple[str, ...]
    begin: str
    end: str


def plots(view: ChartsView) -> list[Plot]:
    """The charts of a view; none when nothing was measured."""
    if not view.points or view.figures is None:
        return []
    clock = _CLOCK[view.span]
    begin, end = (local(point.time).strftime(clock) for point in (view.points[0], view.points[-1]))
    return [_plot(name, metrics, view.points, view.figures, begin, end) for name, metrics in _PAIRS.items()]


def _plot(
    name: str,
    metrics: Sequence[str],
    points: Sequence[Point],
    figures: dict[str, Figures],
    begin: str,
    end: str,
) -> Plot:
    values = [value for each in metrics for point in points if (value := getattr(point, each)) is not None]
    percent = metrics[0] in PERCENT
    top = 100.0 if percent else _ceiling(max(values, default=0.0))
    series = tuple(
        Series(
            each,
            _path([getattr(point, each) for point in points], points, top),
            *(in_unit(value, percent) for value in _three(figures[each])),
        )
        for each in metrics
    )
    grid = tuple(in_unit(top * part, percent, short=True) for part in (1.0, 0.5, 0.0))
    return Plot(name, series, grid, begin, end)


def _three(found: Figures) -> tuple[float | None, float | None, float | None]:
    return found.latest, found.average, found.maximum


def _path(values: Sequence[float | None], points: Sequence[Point], top: float) -> str:
    """The line through the values; a gap lifts the pen."""
    first, span = points[0].time, max(1, points[-1].time - points[0].time)
    parts, down = [], False
    for value, point in zip(values, points, strict=True):
        if value is None:
            down = False
            continue
        x = WIDTH * (point.time - first) / span
        y = HEIGHT - HEIGHT * min(value, top) / top
        parts.append(f"{'L' if down else 'M'}{x:.1f} {y:.1f}")
        down = True
    return "".join(parts)


def _ceiling(value: float) -> float:
    """A round number of a binary unit that is not below the value."""
    unit = 1.0
    while value / unit > _STEPS[-1]:
        unit *= 1024
    return unit * next((step for step in _STEPS if step * unit >= value), _STEPS[-1])


def in_unit(value: float | None, percent: bool, *, short: bool = False) -> str:
    """A value with its unit; a dash for a gap."""
    if value is None:
        return "–"
    digits = 0 if short else 1
    if percent:
        return f"{value:.{digits}f} %"
    unit = 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.{digits if unit else 0}f} {_UNITS[unit]}"
