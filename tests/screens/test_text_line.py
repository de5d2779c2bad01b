"""A key that is typed into a form draws its line and nothing else."""

from __future__ import annotations

import pytest
from textual.screen import Screen
from textual.widgets import Input

from screens.framework.save_dialog import SaveDialog
from tests.conftest import Store
from tests.screens.console_site import console, settle
from tests.screens.pressing import at, dialog, press
from tests.screens.site_records import records

SIZE = (120, 40)


async def test_typing_lays_nothing_out(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    records()
    laid_out: list[Screen[object]] = []
    before = Screen._refresh_layout

    def refresh(self: Screen[object], *given: object, **named: object) -> None:
        laid_out.append(self)
        before(self, *given, **named)  # type: ignore[arg-type]

    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, "7")
        await press(pilot, "+")
        form = await dialog(pilot, SaveDialog)
        await press(pilot, "n")  # the first key judges the form, which may show more of it
        monkeypatch.setattr(Screen, "_refresh_layout", refresh)
        line = pilot.app.screen.query(Input).first()
        await press(pilot, *"othing-but-a-long-name")
        await settle(pilot)
        assert line.value == "nothing-but-a-long-name" and form not in laid_out
        await press(pilot, *"!" * 100)
        assert line.max_scroll_x > 0 and line.scroll_x == line.max_scroll_x, "its end stays in view"
