"""How tests of screens wait for Textual: until nothing is left to do, not until a clock says so; and what they save.

Textual's own `wait_for_idle` sleeps 20 ms at a time until the process uses little CPU. During each sleep the console
draws frames nobody looks at, and on a busy machine the process is never idle. Here a wait ends as soon as the event
loop has nothing to run, no thread works for it, and everything is drawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import Any

import pytest
from rich.segment import Segment
from textual import app as textual_app
from textual import pilot as textual_pilot
from textual.css.model import RuleSet
from textual.css.stylesheet import CSSLocation, Stylesheet
from textual.strip import Strip

THREADS_SECONDS = 0.05
"""How long a wait lasts at most when only a thread still works; a screen that waits for a cluster stays waiting."""
FRAMES = 8
"""So many frames may follow one another until nothing is left to draw."""
RESIZE_SECONDS = 1 / 50
"""Longer than Textual waits for another new size of the terminal."""
_POLL_SECONDS = 0.001


class Threads:
    """Counts what `asyncio.to_thread` still runs."""

    def __init__(self) -> None:
        self.working = 0
        self._run = asyncio.to_thread

    async def to_thread(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Does what `asyncio.to_thread` does."""
        self.working += 1
        running = asyncio.ensure_future(self._run(work, *given, **named))
        running.add_done_callback(self._ended)
        return await running

    def _ended(self, _: object) -> None:
        self.working -= 1


async def nothing_to_do(threads: Threads, *_: object, **__: object) -> bool:
    """Waits until the event loop has nothing to run and no thread works; False when a thread still does."""
    ready: Any = asyncio.get_running_loop()
    until = monotonic() + THREADS_SECONDS
    while True:
        await asyncio.sleep(0)
        if ready._ready:
            continue
        if not threads.working:
            return True
        if monotonic() > until:
            return False
        await asyncio.sleep(_POLL_SECONDS)


def _to_draw(screen: Any) -> bool:
    """Whether something waits for the next frame: a change of the screen, or what follows its being drawn."""
    return bool(screen._layout_required or screen._dirty_widgets or screen._callbacks)


def wait_for_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every pilot wait for the event loop and its threads."""
    threads = Threads()
    waits = partial(nothing_to_do, threads)
    handled, resized = textual_pilot.Pilot._wait_for_screen, textual_pilot.Pilot.resize_terminal

    async def wait_for_screen(pilot: Any, timeout: float = 30.0) -> bool:
        quiet = await waits() or await handled(pilot, timeout)
        for _ in range(FRAMES):
            if not (pilot.app.screen_stack and _to_draw(pilot.app.screen)):
                break
            pilot.app.screen._on_timer_update()
            quiet = await waits()
        return quiet

    async def resize_terminal(pilot: Any, width: int, height: int) -> None:
        await resized(pilot, width, height)
        await asyncio.sleep(RESIZE_SECONDS)
        await pilot.pause()

    monkeypatch.setattr(asyncio, "to_thread", threads.to_thread)
    monkeypatch.setattr(textual_pilot.Pilot, "resize_terminal", resize_terminal)
    monkeypatch.setattr(textual_pilot, "wait_for_idle", waits)
    monkeypatch.setattr(textual_app, "wait_for_idle", waits)
    monkeypatch.setattr(textual_pilot.Pilot, "_wait_for_screen", wait_for_screen)


_parsed: dict[tuple[object, ...], list[RuleSet]] = {}
_parse_rules = Stylesheet._parse_rules


def _parse_once(
    sheet: Stylesheet,
    css: str,
    read_from: CSSLocation,
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    given = (css, read_from, is_default_rules, tie_breaker, scope)
    key = (tuple(sheet._variables.items()), *given)
    if key not in _parsed:
        _parsed[key] = _parse_rules(sheet, *given)
    return _parsed[key]


def parse_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes all apps of this process share their parsed style sheets."""
    monkeypatch.setattr(Stylesheet, "_parse_rules", _parse_once)


class _Nothing(dict[Any, Any]):
    """A cache that keeps nothing."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


_NOTHING = _Nothing()


def _strip(self: Any, segments: Iterable[Segment], cell_length: int | None = None) -> None:
    self._segments = list(segments)
    self._cell_length = cell_length
    self._divide_cache = self._crop_cache = self._style_cache = self._filter_cache = _NOTHING
    self._line_length_cache = self._crop_extend_cache = self._offsets_cache = _NOTHING
    self._render_cache = self._link_ids = self._cell_count = None


def strips_without_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes lines of the screen without seven caches each: most lines of a test are drawn once."""
    monkeypatch.setattr(Strip, "__init__", _strip)
