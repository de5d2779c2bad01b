"""What the console shows is true, or it says since when it may not be: databases lost, engines dead, feeds cut."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.clock import now_ms
from engine.store.database import close_database, open_database, session
from engine.store.models import Event, Vm, Worker
from engine.work import events
from screens.widgets.header import Header
from screens.widgets.log import LogPane
from screens.widgets.table import Table
from tests.conftest import Store
from tests.postgres import PostgresServer
from tests.screens.console_site import console, fill, place, settle
from tests.screens.pressing import until

ROOT = Path(__file__).parent.parent.parent
WRITER = """
import sys, time
from engine.work import events
from engine.store.database import open_database
open_database(sys.argv[1])
for number in range(int(sys.argv[2])):
    events.announce("step", f"line {number}\\n      · its note", level="success", service=5546)
    time.sleep(0.004)
"""
LINES = 400


class Away:
    """A PostgreSQL database that can be disconnected from the console and reconnected."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._server, self._name = server, name
        self.url = server.url(name)

    def take(self) -> None:
        """The console's connections are cut in the middle, and nobody gets a new one; a writer keeps its own."""
        self._server.execute(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS false')
        self._server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{self._name}' AND application_name = 'kvmtui'"
        )

    def give_back(self) -> None:
        """Everybody can."""
        self._server.execute(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS true')


@pytest.fixture
def away(postgres: PostgresServer, migrated_postgres: str) -> Iterator[Away]:
    """A site of its own on PostgreSQL, open in this process."""
    name = postgres.create(migrated_postgres)
    database = Away(postgres, name)
    open_database(database.url)
    with session():
        fill()
    yield database
    close_database()
    database.give_back()
    postgres.drop(name)


def header(pilot: Pilot[Any]) -> str:
    """The words of the header."""
    return pilot.app.screen_stack[0].query_one(Header).render().plain


def shown(pilot: Pilot[Any]) -> str:
    """Everything the list of the place shows."""
    table = place(pilot).query_one(Table)
    return "\n".join(table.render_line(y).text for y in range(table.size.height))


async def test_a_cut_feed_loses_and_doubles_nothing(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.shell.event_feed.AGAIN", 0.05)
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("L")
        pane = app.query_one(LogPane)
        url = f"{away.url}&application_name=writer"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(LINES)], cwd=ROOT)
        for edge in (100, 300, 500):
            await until(pilot, lambda edge=edge: len(pane.view.texts) > edge)
            away.take()
            await until(pilot, lambda: "database lost" in header(pilot))
            away.give_back()
        assert writer.wait(60) == 0
        await until(pilot, lambda: f"line {LINES - 1}" in pane.view.texts)
        await until(pilot, lambda: not pane.inbox)
    with session():
        written = [
            line
            for (text,) in Event.select(Event.text).order_by(Event.id).tuples()
            for line in text.splitlines()
        ]
    assert len(written) >= 2 * LINES
    assert pane.view.texts == written


async def test_a_list_shows_its_age_and_recovers_by_itself(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.shell.event_feed.AGAIN", 0.05)
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        assert "+ ready" in shown(pilot)
        away.take()
        await until(pilot, lambda: "database lost, as of" in header(pilot) and "as of" in shown(pilot))
        assert "+ ready" in shown(pilot), "the rows stay, with their age"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "ctrl+t retries" in shown(pilot))
        assert "Traceback" not in shown(pilot)
        away.give_back()
        await until(pilot, lambda: "database lost" not in header(pilot) and "ctrl+t" not in shown(pilot))
        assert "as of" not in shown(pilot)
        with session():
            Vm.update(vm_status="starting").where(Vm.service == 5546).execute()
            events.announce("step", "on it goes", service=5546)
        await until(pilot, lambda: "starting" in shown(pilot))


async def test_every_place_opens_without_a_database(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.shell.event_feed.AGAIN", 0.05)
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        away.take()
        for key in "234567890":
            await pilot.press(key)
            await settle(pilot)
            words = "\n".join(_page(pilot))
            assert "cannot be reached" in words or "lost" in words or "tries again" in words, (key, words)
        away.give_back()
        await until(pilot, lambda: "database lost" not in header(pilot))
        assert app.is_running and app._exception is None


async def test_the_header_shows_a_failing_heartbeat(sqlite_store: Store) -> None:
    fill()
    worker = {
        "id": "daemon-1",
        "kind": "daemon",
        "host": "pve-admin",
        "pid": 77,
        "version": "1",
        "started_at": now_ms(),
    }
    Worker.insert(**worker, heartbeat_at=now_ms()).execute()
    app = console(read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "engine daemon on pve-admin · heartbeat ok" in header(pilot))
        for silent, words in (
            (16, "engine daemon on pve-admin · heartbeat late"),
            (31, "engine none · no heartbeat"),
        ):
            Worker.update(heartbeat_at=now_ms() - silent * 1000).execute()
            await until(pilot, lambda words=words: words in header(pilot))


async def test_the_closing_line_of_a_run_is_the_last_one_seen(sqlite_store: Store) -> None:
    fill()
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for size in ("half", "full"):
            await pilot.press("L")
            events.announce("step", "\n".join(f"      · note {number}" for number in range(50)), service=5546)
            events.announce(
                "run", f"--- Deploy complete: service=5546 status=ready ({size}) ---", service=5546
            )
            await until(pilot, lambda size=size: f"status=ready ({size})" in _page(pilot)[-2])
            assert "q Quit" in _page(pilot)[-1] or "Help" in _page(pilot)[-1], "the footer stands below"


def _page(pilot: Pilot[Any]) -> list[str]:
    """Every line of the terminal as it is painted."""
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(part.text for part in strip) for strip in strips]
