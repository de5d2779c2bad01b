"""Helpers for tests of the site's screens: open a screen, fill a form, read messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from screens.shell.toasts import TITLES
from screens.widgets.dialogs import Dialog, Notice
from screens.widgets.form import FormDialog
from screens.widgets.table import Table
from tests.screens.console_site import LONGEST, settle


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Waits until it holds."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        await pilot.pause(0.01)
        if holds():
            return
    raise AssertionError(
        f"It does not hold after {LONGEST:g} s; messages: {shown_messages(pilot)}; shown: {words(pilot)}"
    )


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Presses keys, each after what the one before led to."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def at(pilot: Pilot[Any], place: str, key: object = None) -> None:
    """Goes to the place of this number key, and to a row of its list."""
    await settle(pilot)
    await press(pilot, place)
    if key is not None:
        table = next(iter(pilot.app.screen_stack[0].query(Table)))
        at = table.source.index_of(key) if table.source is not None else None
        assert at is not None, f"There is no row {key!r}."
        table._move(at)
        await settle(pilot)


async def dialog(pilot: Pilot[Any], kind: type[Dialog[Any]]) -> Any:
    """The dialog on top, once it is there."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))
    await settle(pilot)
    return pilot.app.screen


async def fill(pilot: Pilot[Any], **answers: object) -> FormDialog:
    """Fills the form on top and saves it; the dialog, which is gone when the answers were taken."""
    found: FormDialog = await dialog(pilot, FormDialog)
    for name, value in answers.items():
        found.form.fill(name, value)
        await pilot.pause()
    await press(pilot, "ctrl+o")
    return found


async def gone(pilot: Pilot[Any]) -> None:
    """Waits until no dialog is left; a message that was too long for a toast is read and closed."""
    await until(
        pilot, lambda: isinstance(pilot.app.screen, Notice) or not isinstance(pilot.app.screen, Dialog)
    )
    if isinstance(pilot.app.screen, Notice) and pilot.app.screen._title in TITLES.values():
        await press(pilot, "escape")
    await until(pilot, lambda: not isinstance(pilot.app.screen, Dialog))
    await settle(pilot)


def shown_messages(pilot: Pilot[Any]) -> str:
    """Every notification of the console, and the dialogs that are open."""
    lines = [each.message for each in pilot.app._notifications]
    return "\n".join(lines + [each._words for each in pilot.app.screen_stack if isinstance(each, Notice)])


def words(pilot: Pilot[Any]) -> str:
    """The text of the topmost screen in one line, without borders."""
    lines = (strip.text for strip in pilot.app.screen._compositor.render_strips())
    return " ".join(" ".join(lines).translate(dict.fromkeys(map(ord, "─"))).split())
