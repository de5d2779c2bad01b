"""A toast is one line; what is longer is a dialog that stays, and never takes keys from another dialog."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from screens.shell.toasts import ONE_LINE
from screens.widgets.dialogs import Confirm, Notice
from tests.conftest import Store
from tests.screens.console_site import console, settle

LONG = "Cannot reach pve-waw1 (10.0.0.11:8006): connection refused. Check that pveproxy is running on it."


@pytest.fixture(autouse=True)
def empty_site(sqlite_store: Store) -> None:
    """The console needs a store to open."""


def toasts(pilot: Pilot[Any]) -> list[str]:
    """The toasts so far."""
    return [each.message for each in pilot.app._notifications]


@pytest.mark.parametrize("width", [80, 120])
async def test_the_longest_toast_takes_one_line(width: int) -> None:
    async with console(read_only=True).run_test(size=(width, 24), notifications=True) as pilot:
        await settle(pilot)
        pilot.app.notify("x" * ONE_LINE, severity="error")
        await settle(pilot)
        (shown,) = pilot.app.screen.query(Toast)
        assert shown.outer_size == (width, 1), "nothing of the line behind it is left to read"
        assert len(pilot.app.screen_stack) == 1


@pytest.mark.parametrize("words", [LONG, "x" * (ONE_LINE + 1), "One line.\nAnother.", "ｗｉｄｅ" * 10])
async def test_more_than_a_line_is_a_dialog_that_stays(words: str) -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.notify(words, severity="error", timeout=0.01)
        await pilot.pause(0.05)
        dialog = pilot.app.screen
        assert isinstance(dialog, Notice) and dialog._words == words
        assert toasts(pilot) == []
        await pilot.press("escape")
        assert len(pilot.app.screen_stack) == 1


async def test_it_waits_until_other_dialogs_are_closed() -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        asked = Confirm("Reboot vps-1?")
        pilot.app.push_screen(asked)
        await settle(pilot)
        pilot.app.notify(LONG)
        await settle(pilot)
        assert pilot.app.screen is asked
        await pilot.press("n")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Notice)


async def test_the_same_again_is_a_line() -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.notify(LONG)
        await settle(pilot)
        await pilot.press("escape")
        pilot.app.notify(LONG)
        await settle(pilot)
        assert len(pilot.app.screen_stack) == 1
        (line,) = toasts(pilot)
        assert len(line) == ONE_LINE and line.endswith("…") and LONG.startswith(line[:-1])
