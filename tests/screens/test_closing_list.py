"""A list that is closed before it was read keeps neither the focus nor the keys."""

from __future__ import annotations

from typing import Any

import pytest

from screens.widgets.table import Table
from tests.conftest import Store
from tests.screens.console_site import console, settle
from tests.screens.site_records import records


@pytest.mark.parametrize("place", ["settings", "vms", "pools"])
async def test_a_list_that_closes_while_it_takes_the_focus_leaves_the_keys_working(
    sqlite_store: Store, place: str
) -> None:
    records()
    app: Any = console()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await app.open(place)
        await settle(pilot)
        page, table = app.current_screen, app.screen.query_one(Table)
        app.screen.set_focus(None)
        table.show(page.source())
        table.focus()  # is carried out after the removal has begun, the read is cancelled before it starts
        await page.remove()
        await settle(pilot)
        assert app.focused is None or app.focused.is_attached
        await pilot.press("1")
        await settle(pilot)
        assert app.screen_name == "dashboard"
