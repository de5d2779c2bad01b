"""The states of every list of the site: empty, filtered to nothing, broken, cut off, stale, read-only, narrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.store.database import database
from screens.common.bindings import in_scope
from screens.framework.screen import EventBatch
from screens.widgets.dialogs import Dialog
from screens.widgets.footer import hints
from screens.widgets.header import Header
from screens.widgets.table import Table
from tests.conftest import Store
from tests.screens.console_site import HOUR, NOW, console, place, settle
from tests.screens.site_records import records

PLACES = {
    "pools": "3", "zones": "4", "products": "5", "servers": "6", "clients": "7", "services": "8", "settings": "9",
}  # fmt: skip
TABLES = {
    "pools": "pool", "zones": "zone", "products": "product", "servers": "server", "clients": "client",
    "services": "service", "settings": "task_state",
}  # fmt: skip
CHANGING = [each for scope in PLACES for each in in_scope(scope) if each.changes]


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A store with a record of every kind."""
    records()
    return sqlite_store


def shown(table: Table) -> str:
    """Everything a table shows."""
    return "\n".join(table.render_line(y).text for y in range(table.size.height))


async def go(pilot: Pilot[Any], name: str) -> Table:
    """Goes to a place; its list."""
    await settle(pilot)
    await pilot.press(PLACES[name])
    await settle(pilot)
    return place(pilot).query_one(Table)


async def test_an_empty_list_says_what_to_do(sqlite_store: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        for name in [each for each in PLACES if each != "settings"]:
            words = shown(await go(pilot, name))
            assert "Press + to" in words and f"0 {name}" in words


async def test_what_breaks_is_reported_and_tried_again(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        for name, rows in TABLES.items():
            table = await go(pilot, name)
            before = shown(table)
            database.execute_sql(f'ALTER TABLE "{rows}" RENAME TO "gone"')
            await pilot.press("ctrl+r")
            await settle(pilot)
            assert "ctrl+t retries." in shown(table) and table.count, name
            database.execute_sql(f'ALTER TABLE "gone" RENAME TO "{rows}"')
            await pilot.press("ctrl+t")
            await settle(pilot)
            assert shown(table) == before, name


async def test_rows_tell_their_age_while_the_database_is_lost(
    site: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = console()
    async with app.run_test(size=(100, 30)) as pilot:
        table = await go(pilot, "pools")
        app._feed.stop()  # nothing but what this test tells comes from it
        await settle(pilot)
        table.read_at = NOW
        monkeypatch.setattr("screens.common.times.now_ms", lambda: NOW + 2 * HOUR)
        app._receive_events(EventBatch(), "The database does not answer.")
        await settle(pilot)
        assert "3 pools · as of 2 h ago" in shown(table)
        assert app.query_one(Header).facts.notice.startswith("database lost, as of")
        app._receive_events(EventBatch(frozenset({"start"})), "")
        await settle(pilot)
        assert "as of" not in shown(table) and table.read_at != NOW
        assert not app.query_one(Header).facts.notice


async def test_a_read_only_console_refuses_every_change(site: Store) -> None:
    before = written()
    async with console(read_only=True).run_test(size=(120, 30)) as pilot:
        for scope in PLACES:
            await go(pilot, scope)
            for action in [each for each in CHANGING if each.scope == scope]:
                pilot.app.clear_notifications()
                await pilot.press(action.keys[0])
                await settle(pilot)
                assert not isinstance(pilot.app.screen, Dialog), action
                assert any("Read-only" in each.message for each in pilot.app._notifications), action
                offered = {hint.action.id for hint in hints(pilot.app.screen)}
                assert not action.rank or action.id in offered, action
    assert written() == before


def written() -> dict[str, list[Any]]:
    """Every row of the tables that an operator can change."""
    return {
        table: database.execute_sql(f'SELECT * FROM "{table}"').fetchall()
        for table in (*TABLES.values(), "request", "audit", "vm")
    }


async def test_a_list_is_filtered_sorted_marked_copied_and_exported(
    site: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = console()
    copied: list[str] = []
    app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
    async with app.run_test(size=(120, 40)) as pilot:
        for name in PLACES:
            copied.clear()
            table = await go(pilot, name)
            whole = table.count
            await pilot.press("s", "S", "space", "y")
            await settle(pilot)
            assert table.view.sort and table.view.descending and len(table.marks) == 1, name
            assert copied and "\x1b" not in copied[0], name
            await pilot.press("c")
            await settle(pilot)
            assert copied[-1].startswith("kvmtui ") and isinstance(app.screen, Dialog), name
            await pilot.press("escape", "e", "down", "enter")
            await settle(pilot)
            (file,) = tmp_path.glob(f"kvmtui-{name}-*.json")
            assert len(json.loads(file.read_text())) == whole
            await pilot.press("/", *"zzzz-nothing", "enter")
            await settle(pilot)
            assert table.count == 0 and "zzzz-nothing" in shown(table), name


@pytest.mark.parametrize("width", [60, 80, 200])
async def test_long_and_hostile_names_stay_in_their_column(width: int, site: Store) -> None:
    async with console().run_test(size=(width, 24)) as pilot:
        for name in PLACES:
            table = await go(pilot, name)
            assert all(table.render_line(y).cell_length <= width for y in range(table.size.height)), name
            assert "\x1b" not in shown(table), name
