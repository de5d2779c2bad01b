"""Usage charts of a VM: CPU and memory, disk, network; over an hour, a day, a week, a month or a year.

Each chart has its numbers beside it, so that it can be read without colour and blocks; on slow links only the
numbers are shown. Reloaded once a minute while visible, which is as often as Proxmox measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from engine.queries.charts import METRICS, NAMES, PERCENT, SPANS, ChartsView, Gauge, Span, in_unit
from engine.queries.descriptions import lasting
from screens.common import glyphs
from screens.common.bindings import bindings
from screens.common.text import fit
from screens.framework.screen import EventBatch
from screens.vm.tabs.plot import Values, columns, dotted, drawn, grid, top_of
from screens.vm.tabs.poller import Poller
from screens.vm.tabs.tab import Tab
from screens.widgets.sheet import Line, Sheet

EVERY = 60.0
_SCALE, _BETWEEN, _HEADS = 9, 2, 2
_TONES = ("busy", "accent")
_STAMPS = {"hour": "%H:%M", "day": "%H:%M", "week": "%a %d", "month": "%d %b", "year": "%b %Y"}
_PAIRS = tuple(zip(METRICS[::2], METRICS[1::2], strict=True))


class ChartsTab(Tab):
    """Three pairs of charts over one span of time."""

    NAME = SCOPE = "charts"
    BINDINGS = bindings("charts")
    VERBS = ("vm charts --span week",)

    def __init__(self, service_id: int) -> None:
        super().__init__(service_id)
        self._gauge = Gauge(service_id)
        self._seen: dict[Span, ChartsView] = {}
        self._error = ""
        self._blocks, self._braille = glyphs.blocks(), glyphs.braille()
        self.sheet = Sheet(id="vm-charts")
        self.looking: Poller[ChartsView] = Poller(
            self.sheet, self._gauge.look, self._see, every=EVERY, close=self._gauge.close, fail=self._fail
        )

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="vm-page"):
            yield self.sheet

    def on_mount(self) -> None:
        kept = self.memory.of(self.NAME).get("span")
        self._gauge.span = next((each for each in SPANS if each == kept), SPANS[0])
        self.query_one("#vm-page").focus()
        self.looking.start()

    def on_unmount(self) -> None:
        self.looking.stop()

    def on_resize(self) -> None:
        self._redraw()

    @property
    def span(self) -> Span:
        """The span of time that is shown."""
        return self._gauge.span

    def do_span(self) -> None:
        self._turn(1)

    def do_shorter(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        self._gauge.span = SPANS[(SPANS.index(self.span) + by) % len(SPANS)]
        self.memory.keep(self.NAME, {"span": self.span})
        self._error = ""
        self._redraw()
        self.looking.again()

    def reread(self, batch: EventBatch | None = None) -> None:
        """Only an explicit refresh reads again at once."""
        if batch is None:
            self.looking.again()

    def commands(self) -> list[str]:
        return [f"kvmtui vm charts {self.service_id} --span {self.span}{form}" for form in ("", " --csv")]

    def _see(self, view: ChartsView) -> None:
        if view.looked.seen:
            self._seen[view.span] = view
        if view.span != self.span:  # the operator has turned on while this was read
            self.looking.again()
            return
        self._error = view.looked.sentence
        self._redraw()

    def _fail(self, sentence: str) -> None:
        self._error = sentence
        self._redraw()

    # The lines

    def _redraw(self) -> None:
        if self.is_attached:
            lines = list(self._lines(max(40, self.size.width - 3), self.size.height))
            readable = [
                tuple((glyphs.readable(words, self._blocks), tone) for words, tone in line) for line in lines
            ]
            self.sheet.write(readable)

    def _lines(self, width: int, height: int) -> Iterator[Line]:
        view = self._seen.get(self.span)
        yield tuple(self._spans(view))
        if self._error:
            yield ((f"[-] {self._error}", "error"),)
        if view is None:
            if not self._error:
                yield ((f"[…] Reading what was measured in the last {self.span} …", "busy"),)
        elif not view.points:
            yield ((f"[ ] Nothing was measured in the last {self.span}.", "muted"),)
        else:
            half = (width - _BETWEEN) // 2
            rows = (height - 2 - bool(self._error)) // len(_PAIRS) - _HEADS
            yield from self._charts(view, half, max(2, rows))

    def _spans(self, view: ChartsView | None) -> Iterator[tuple[str, str]]:
        for each in SPANS:
            yield (f"[{each}]", "accent") if each == self.span else (f" {each} ", "muted")
        if view is not None and view.points:
            peaks = " · max: peaks" if view.peaks else ""
            yield (
                f"  a point is {lasting(view.step_s)}{peaks} · {_clock(view.looked.at, '%H:%M')} UTC",
                "muted",
            )

    def _charts(self, view: ChartsView, half: int, rows: int) -> Iterator[Line]:
        app: Any = self.app
        plain = not app.setup.appearance.charts
        for pair in _PAIRS:
            charts = [
                self._chart(view, name, half, 0 if plain else rows, tone)
                for name, tone in zip(pair, _TONES, strict=True)
            ]
            for left, right in zip(*charts, strict=True):
                yield (*left, (" " * _BETWEEN, ""), *right)
        if not plain:
            axis = _axis(view, half)
            yield ((axis + " " * _BETWEEN + axis, "muted"),)

    def _chart(self, view: ChartsView, name: str, width: int, rows: int, tone: str) -> list[Line]:
        """Two lines of numbers and so many of the drawing, each exactly as wide."""
        assert view.figures is not None
        figures = view.figures[name]
        now = in_unit(name, figures.latest)
        title: Line = (fit(NAMES[name], _SCALE + 4), tone), (fit(f"now {now}", width - _SCALE - 4), "")
        rest = f"average {in_unit(name, figures.average)} · max {in_unit(name, figures.maximum)}"
        lines: list[Line] = [title, ((fit(rest, width), "muted"),)]
        values = grid([(point.time, getattr(point, name)) for point in view.points], view.step_s)
        top = top_of(columns(values, width - _SCALE), name in PERCENT)
        for row, words in enumerate(self._rows(values, width - _SCALE, rows, top) if rows else ()):
            scale = in_unit(name, top).replace(".0 ", " ") if row == 0 else "0" if row == rows - 1 else ""
            lines.append(((fit(scale, _SCALE - 1, "right") + " ", "muted"), (words, tone)))
        return lines

    def _rows(self, values: Values, width: int, rows: int, top: float) -> list[str]:
        """The drawing: braille has two columns to a cell, blocks have one."""
        if self._braille:
            return dotted(columns(values, 2 * width), rows, top)
        return drawn(columns(values, width), rows, top, glyphs.heights(self._blocks))


def _axis(view: ChartsView, width: int) -> str:
    """The first, the middle and the last moment below the columns."""
    first, last = view.points[0].time, view.points[-1].time
    start, middle, end = (_clock(at, _STAMPS[view.span]) for at in (first, (first + last) // 2, last))
    room = width - _SCALE
    spread = f"{middle:^{max(0, room - 2 * len(start))}}"
    return " " * _SCALE + fit(f"{start}{spread}{end}", room)


def _clock(at: int, form: str) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime(form)
