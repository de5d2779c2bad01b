"""`kvmtui --demo --tour`: the console walks through the demo by itself, with a line of caption for each stop.

A stop names actions, not keys, so that it follows the table of keys. Its caption is written once what it speaks of is
on the screen. Any key or click ends the tour and leaves the demo to the operator.
"""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import Iterator
from typing import Any

from rich.text import Text
from textual import events

from kvmtui.demo.stops import STOPS, TourStop
from screens.common.bindings import action
from screens.common.text import fit
from screens.shell.console import Console, Setup
from screens.widgets.footer import Footer
from screens.widgets.toned import Toned

log = logging.getLogger(__name__)
WITHIN_S = 20.0
"""For what a caption speaks of to be on the screen."""
_KEY_S, _TYPE_S, _LOOK_S = 0.45, 0.12, 0.02
_PERSON = (events.Key, events.Paste, events.MouseDown, events.MouseScrollUp, events.MouseScrollDown)


class Caption(Toned):
    """The line of the tour, in place of the keys."""

    DEFAULT_CSS = "Caption { dock: bottom; height: 1; width: 1fr; background: $accent; color: $background; }"

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def render(self) -> Text:
        return Text(fit(f" {self.words}", max(10, self.size.width)), no_wrap=True, style="bold")


class TourConsole(Console):
    """The console of the demo, which presses its own keys until somebody presses one."""

    def __init__(self, setup: Setup, speed: float = 1.0) -> None:
        super().__init__(setup)
        self._speed = speed
        self._own: list[events.Key] = []
        self._on_tour = False
        self.missed: list[str] = []
        """The stops whose word never came."""

    def on_base_screen_shown(self) -> None:
        super().on_base_screen_shown()
        if not self._on_tour and not self._own:
            self._on_tour = True
            self.query_one(Footer).display = False
            self.run_worker(self._walk(), group="tour", exclusive=True)

    async def on_event(self, event: events.Event) -> None:
        ours = any(event is each for each in self._own)
        if self._on_tour and isinstance(event, _PERSON) and not event.is_forwarded and not ours:
            self._end()
            return
        await super().on_event(event)

    def _end(self) -> None:
        """Leave the console to whoever sits there."""
        self._on_tour = False
        self.workers.cancel_group(self, "tour")
        for screen in self.screen_stack:
            screen.query(Caption).remove()
        self.screen_stack[0].query_one(Footer).display = True

    async def _walk(self) -> None:
        for number, stop in enumerate(STOPS, 1):
            for step in stop.steps:
                await self._take(step)
            found = await self._is_shown(stop.shows)
            if not found:
                self.missed.append(stop.name)
                log.error("The tour did not find %r at stop %s", stop.shows, stop.name)
            await self._say(f"{number}/{len(STOPS)}  {stop.words}" + ("" if found else " (not found)"))
            await self.arrived(stop)
            await self._sleep(stop.seconds)

    async def arrived(self, stop: TourStop) -> None:
        """Called at each stop, when its caption is shown."""

    async def _take(self, step: str) -> None:
        typed = step.startswith('"')
        keys = list(step[1:]) if typed else [action(step[1:]).keys[0] if step[0] == "@" else step]
        for key in keys:
            event = key_event(key)
            self._own.append(event)
            self.post_message(event)
            await self._sleep(_TYPE_S if typed else _KEY_S)
            while self.keys_wait:
                await asyncio.sleep(_LOOK_S)

    async def _is_shown(self, words: str) -> bool:
        end = asyncio.get_running_loop().time() + WITHIN_S
        while not any(words in line for line in self.lines()):
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def _say(self, words: str) -> None:
        for screen in self.screen_stack[:-1]:
            await screen.query(Caption).remove()
        if here := next(iter(self.screen.query(Caption)), None):
            here.words = words
            here.refresh()
        else:
            await self.screen.mount(Caption(words))
        await asyncio.sleep(_LOOK_S)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)

    def lines(self) -> Iterator[str]:
        """The lines of the screen on top."""
        compositor: Any = self.screen._compositor
        yield from (strip.text for strip in compositor.render_strips())


def key_event(key: str) -> events.Key:
    """A key as a terminal sends it."""
    if len(key) > 1:
        return events.Key(key, None)
    if key.isalnum():
        return events.Key(key, key)
    name = unicodedata.name(key).lower().replace(" ", "_").replace("-", "_")
    return events.Key("slash" if name == "solidus" else name, key)
