"""Usage over time: one chart of a few lines, over an hour, a day, a week, a month or a year.

    chart = Chart("CPU & RAM", "%")
    chart.draw("hour", (Series("CPU", points), Series("RAM", more)))     # points: (epoch ms, value or None)

A moment without a value is a gap in the line: the machine was off, or nobody measured. It is drawn when new
data comes and not by a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static
from textual_plotext import PlotextPlot

from screens.text import plain, text
from screens.widgets.state import State

Frame = Literal["hour", "day", "week", "month", "year"]
FRAMES: tuple[Frame, ...] = ("hour", "day", "week", "month", "year")
Point = tuple[int, float | None]

_STAMPS = {
    "hour": "%H:%M",
    "day": "%H:%M",
    "week": "%a %d",
    "month": "%d %b",
    "year": "%b %Y",
}
_COLOURS = ("blue+", "orange", "green+", "magenta+")
_MARKS = ("braille", "dot", "hd", "sd")
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart: its name, and a value or a gap for each moment."""

    name: str
    points: Sequence[Point]


class Chart(Vertical):
    """A title with the latest values, and the lines below; a sentence while there is nothing to draw."""

    def __init__(self, title: str, unit: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes="chart")
        self._title, self._unit = title, unit
        self.frame: Frame = "hour"
        self.series: tuple[Series, ...] = ()
        self._words = Static("", classes="chart-title", markup=False)
        self._plot = PlotextPlot()
        self._state = State("loading", "Reading what was measured …")

    def compose(self) -> ComposeResult:
        yield self._words
        yield self._plot
        yield self._state

    def on_mount(self) -> None:
        self._redraw()

    def draw(self, frame: Frame, series: Sequence[Series]) -> None:
        """Draws this; the same data again costs nothing."""
        if (frame, tuple(series)) != (self.frame, self.series) or not self.series:
            self.frame, self.series = frame, tuple(series)
            self._state.say("empty", f"Nothing was measured in the last {frame}.")
            if self.is_attached:
                self._redraw()

    def fail(self, sentence: str) -> None:
        """Says why there is no chart."""
        self.series = ()
        self._state.say("error", sentence)
        self._redraw()

    def _redraw(self) -> None:
        drawable = any(value is not None for each in self.series for _, value in each.points)
        self._plot.display, self._state.display = drawable, not drawable
        self._words.update(text(self._heading()))
        if drawable:
            self._draw_lines()

    def _heading(self) -> str:
        latest = [f"{each.name} {_latest(each)} {self._unit}" for each in self.series]
        return " · ".join([self._title, f"last {self.frame}", *latest])

    def _draw_lines(self) -> None:
        # A look of 16 colours leaves fore- and background to the terminal, and so must the axes.
        self._plot.theme = "clear" if self.app.native_ansi_color else "auto"
        plot = self._plot.plt
        plot.clear_figure()
        for number, each in enumerate(self.series):
            look = {"color": _COLOURS[number % len(_COLOURS)], "marker": _MARKS[number % len(_MARKS)]}
            for first, stretch in enumerate(stretches(each.points)):
                times, values = zip(*stretch, strict=True)
                plot.plot(list(times), list(values), label=plain(each.name) if not first else None, **look)
        plot.ylim(0, None)
        plot.xticks(*self._ticks())
        self._plot.refresh()

    def _ticks(self) -> tuple[list[float], list[str]]:
        moments = [at for each in self.series for at, _ in each.points]
        first, last = min(moments), max(moments)
        step = (last - first) / (_TICKS - 1)
        places = [first + step * number for number in range(_TICKS)]
        stamp = _STAMPS[self.frame]
        return places, [datetime.fromtimestamp(at / 1000, UTC).strftime(stamp) for at in places]


def stretches(points: Sequence[Point]) -> list[list[tuple[int, float]]]:
    """The points in stretches without a gap.

    >>> stretches([(1, 5.0), (2, None), (3, 6.0), (4, 7.0)])
    [[(1, 5.0)], [(3, 6.0), (4, 7.0)]]
    """
    found = []
    for measured, stretch in groupby(points, key=lambda point: point[1] is not None):
        if measured:
            found.append([(at, value) for at, value in stretch if value is not None])
    return found


def _latest(series: Series) -> str:
    """The newest value of a line in words, so that nobody has to read it off the axis."""
    known = [value for _, value in series.points if value is not None]
    return f"{known[-1]:.1f}" if known else "?"
