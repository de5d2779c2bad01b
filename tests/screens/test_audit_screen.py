"""The Audit screen pressed on a real trail: found by the database, opened with what changed, checked as a whole."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from engine import audit
from engine.audit import Actor
from engine.store.database import database
from engine.store.models import Audit
from screens.widgets.dialogs import Choose, Notice
from screens.widgets.table import Table
from tests.conftest import Store
from tests.screens.console_site import HOSTILE, console, place, settle

NOC = Actor("noc", "192.0.2.7", "console")


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A trail of three changes and one that went wrong."""
    audit.record(
        NOC,
        "change",
        "server",
        "1",
        "pve",
        before={"password": "", "port": 1},
        after={"password": "hunter2", "port": 2},
    )
    audit.record(
        Actor("root"),
        "terminate",
        "vm",
        "5546",
        HOSTILE,
        before={"vm_status": "ready"},
        after={},
        reason="ended",
    )
    audit.record(NOC, "suspend", "vm", "5546", "web", before={}, after={}, result="no answer")
    return sqlite_store


async def _opened(pilot: Pilot[Any]) -> Table:
    await settle(pilot)
    await pilot.press("0")
    await settle(pilot)
    return place(pilot).query_one(Table)


def _words(pilot: Pilot[Any]) -> str:
    return "\n".join(str(each.render()) for each in pilot.app.screen.query(Static))


async def test_the_filter_asks_the_database(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        table = await _opened(pilot)
        assert table.count == 3 and table.current is not None and table.current.cell(2).text == "suspend"
        await pilot.press("slash", *"who:root", "enter")
        await settle(pilot)
        assert table.count == 1 and table.current.cell(2).text == "terminate"
        assert place(pilot).commands()[0] == "kvmtui audit --who root"  # type: ignore[attr-defined]


async def test_a_change_opens_with_before_and_after_and_no_secret(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        await pilot.press("end", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Notice)
        words = _words(pilot)
        assert "noc from 192.0.2.7, through console" in words and "~ port: 1 → 2" in words
        assert "password" in words and "hunter2" not in words
        await pilot.press("escape", "home", "down", "enter")
        await settle(pilot)
        assert "vm_status ready" in _words(pilot) and "ended" in _words(pilot)


async def test_the_trail_is_verified_from_here(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        await pilot.press("t")
        await settle(pilot)
        assert "All 3 rows follow each other" in _words(pilot)
        await pilot.press("escape")
        database.execute_sql("DROP TRIGGER audit_no_update")
        Audit.update(login="nobody").where(Audit.id == 2).execute()
        await pilot.press("t")
        await settle(pilot)
        assert "Audit row 2 was altered" in _words(pilot)


async def test_what_is_found_is_exported_with_its_changes(
    site: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with console().run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        await pilot.press("slash", *"object:server", "enter")
        await settle(pilot)
        await pilot.press("e")
        while not isinstance(pilot.app.screen, Choose):
            await pilot.pause()
        await pilot.press("enter")
        await settle(pilot)
    (file,) = tmp_path.glob("kvmtui-audit-*.csv")
    (line,) = csv.DictReader(file.open())
    assert "port 1 -> 2" in line["Changed"] and line["From"] == "192.0.2.7"


async def test_many_rows_are_paged(site: Store) -> None:
    row = {
        "at": 1,
        "login": "x",
        "action": "y",
        "kind": "vm",
        "previous_hash": "",
        "hash": "",
        "before": {},
        "after": {},
    }
    for start in range(0, 20_000, 1000):
        Audit.insert_many([row | {"object_id": str(start + n)} for n in range(1000)]).execute()
    async with console().run_test(size=(80, 24)) as pilot:
        table = await _opened(pilot)
        assert table.count == 20_003
        await pilot.press("end")
        await settle(pilot)
        assert table.current is not None and table.current.cell(2).text == "change"
