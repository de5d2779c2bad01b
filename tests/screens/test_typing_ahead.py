"""Keys typed ahead: a slow screen takes them all in order; one that shows nothing new makes them expire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from textual import events, timer
from textual.app import ComposeResult
from textual.widgets import Input

from screens.shell.typeahead import TypeAhead
from tests.waiting import soon

WORD = "2f61e701-8747-4084"


class Slow(TypeAhead):
    """A field that needs a moment for each key."""

    hold_seconds = 0.25
    pause = 0.05

    def compose(self) -> ComposeResult:
        yield Input()

    async def on_input_changed(self) -> None:
        await asyncio.sleep(self.pause)

    def type_ahead(self, keys: Iterable[str]) -> None:
        """Every key at once, as the terminal sends what was pasted or typed fast."""
        for key in keys:
            self.post_message(events.Key(key, key))


async def value_after(app: Slow, seconds: float) -> str:
    for _ in range(int(seconds / 0.05)):
        await asyncio.sleep(0.05)
        if not app.keys_wait:
            break
    return app.query_one(Input).value


async def test_keys_do_not_expire_while_the_screen_takes_them_one_by_one() -> None:
    async with Slow().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Slow)
        app.type_ahead(WORD)
        assert await value_after(app, 20) == WORD


async def test_keys_expire_behind_one_key_that_takes_too_long() -> None:
    async with Slow().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Slow)
        app.pause = 1.0
        app.type_ahead(WORD)
        assert await value_after(app, 20) == WORD[0]
        assert "keys typed now are ignored" in " ".join(each.message for each in app._notifications)


class Working(TypeAhead):
    """Works for a moment after an `x`."""

    seen = ""

    def on_key(self, event: events.Key) -> None:
        self.seen += event.key
        if event.key == "x":
            self.run_worker(asyncio.sleep(0.2), group="command")


async def test_a_key_that_waits_is_delivered_although_the_process_is_held_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, late = timer._time.get_time, iter(range(200))
    async with Working().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Working)
        # half a second passes between any two lines of a timer
        monkeypatch.setattr(timer._time, "get_time", lambda: real() + next(late, 200) / 2)
        for key in "xy":
            app.post_message(events.Key(key, key))
        await soon(lambda: app.seen == "xy", within=10)
