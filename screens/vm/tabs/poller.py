"""Polls a VM while its widget is visible, one poll at a time.

self._watch = Watch(self, lookout.look, self.show_look, every=5.0, close=lookout.close)
self._watch.start()                  # in on_mount; stop() in on_unmount
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from textual.errors import NoWidget
from textual.screen import Screen
from textual.widget import Widget

from screens.common.errors import sentence

T = TypeVar("T")
_TICK = 1.0


class Poller(Generic[T]):
    """Polls in the background every few seconds while its widget is visible."""

    def __init__(
        self,
        widget: Widget,
        look: Callable[[], T],
        show: Callable[[T], None],
        *,
        every: float,
        close: Callable[[], None],
        fail: Callable[[str], None],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """`fail` gets a sentence when a poll is refused; `tick` is called every second while visible."""
        self._widget, self._look, self._show, self._fail = widget, look, show, fail
        self._every, self._close, self._ticked = every, close, tick
        self._last = float("-inf")
        self._busy = self._away = self._over = False
        self._looking = threading.Lock()

    def start(self) -> None:
        """Looks for the first time as soon as the widget is drawn, and then again and again."""
        app: Any = self._widget.app
        app.app_suspend_signal.subscribe(self._widget, self._left, immediate=True)
        app.app_resume_signal.subscribe(self._widget, self._returned, immediate=True)
        self._widget.set_interval(_TICK, self._tick)
        self._widget.call_after_refresh(self._tick)

    def stop(self) -> None:
        """Stops polling; open connections are closed when the current poll has ended."""
        self._over = True
        self._end()

    def again(self) -> None:
        """Looks at the next tick, however short ago the last look was."""
        self._last = float("-inf")
        self._tick()

    @property
    def seen(self) -> bool:
        """Whether the widget can be seen: its screen on top, the terminal here, and not covered altogether."""
        widget = self._widget
        if self._away or not widget.is_attached or widget.app.screen is not widget.screen:
            return False
        return _uncovered(widget.screen, widget)

    def _tick(self) -> None:
        if self._over or not self.seen:
            return
        self._ticked()
        if not self._busy and time.monotonic() - self._last >= self._every:
            self._busy, self._last = True, time.monotonic()
            self._widget.run_worker(self._once(), group="watch", exit_on_error=False)

    async def _once(self) -> None:
        try:
            found = await asyncio.to_thread(self._ask)
        except Exception as error:  # noqa: BLE001 - whatever a poll raises, the operator gets a sentence
            self._fail(sentence(error))
        else:
            if found is not None and not self._over:
                self._show(found)
        finally:
            self._busy = False

    def _ask(self) -> T | None:
        """One look in a thread of its own; one that ends after `stop` closes what is open."""
        if not self._looking.acquire(blocking=False):  # closed before this thread came to look
            return None
        try:
            return self._look()
        finally:
            self._looking.release()
            if self._over:
                self._end()

    def _end(self) -> None:
        """Closes, once: the lock stays held, so that nothing polls or closes again."""
        if self._looking.acquire(blocking=False):
            self._close()

    def _left(self, _: object) -> None:
        self._away = True

    def _returned(self, _: object) -> None:
        self._away = False


def _uncovered(screen: Screen[Any], widget: Widget) -> bool:
    try:
        return bool(screen.find_widget(widget).visible_region)
    except NoWidget:
        return False
