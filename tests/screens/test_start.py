"""What the console's first page waits for: itself, and nothing that can come after it."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.text import Text
from textual.app import App
from textual.color import Color
from textual.css.stylesheet import Stylesheet

from engine.queries.dashboard import Dashboard
from engine.store.database import transaction
from engine.store.models import Outbox
from engine.work.events import publish
from screens.dashboard import screen
from screens.shell import console as shell
from screens.shell import first_page, themes
from screens.shell.console import Console
from screens.shell.themes import Appearance
from screens.widgets.state import StateMessage
from tests.conftest import Store
from tests.screens.console_site import console, settle
from tests.screens.pressing import until, words

ROOT = Path(__file__).parent.parent.parent
FIRST_PAGE = """
import sys
from kvmtui import app

def stop_at_the_first_page(setup):
    import screens.dashboard.screen
    print(*sys.modules, file=sys.stderr)
    sys.exit()

app.run(make=stop_at_the_first_page)
"""
LATER = (
    "typer",
    "requests",
    "httpx",
    "proxmoxer",
    "apscheduler",
    "psycopg",
    "engine.proxmox",
    "engine.running",
    "engine.forms",
    "engine.plan",
    "pydantic",
    "screens.widgets.grid",
    "screens.widgets.log",
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> set[str]:
    """Every module that a start on a terminal has loaded when the first page is made over a SQLite file."""
    master, slave = pty.openpty()
    home = tmp_path_factory.mktemp("site")
    home.chmod(0o700)
    shutil.copy(migrated_sqlite, home / "kvmtui.db").chmod(0o600)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KVMTUI_")}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PAGE],
        cwd=ROOT,
        env={**kept, "KVMTUI_HOME": str(home), "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(master)
    os.close(slave)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("module", LATER)
def test_the_first_page_does_not_wait_for(module: str, loaded: set[str]) -> None:
    assert module not in loaded


async def test_the_first_frame_has_the_data_of_its_page(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str | None] = []
    draw = StateMessage.render

    def render(state: StateMessage) -> Text:
        drawn.append(state.id)
        return draw(state)

    monkeypatch.setattr(StateMessage, "render", render)
    async with console(read_only=True).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "VMs (2) 0" in words(pilot)
    assert "dashboard-state" not in drawn


async def test_a_slow_database_gets_a_page_that_is_loading(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    read = screen.dashboard

    def slow(quick: bool = False) -> Dashboard:
        answers.wait(20)
        return read(quick)

    monkeypatch.setattr(first_page, "AT_ONCE", 0.01)
    monkeypatch.setattr(screen, "dashboard", slow)
    async with console(read_only=True).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "Loading" in words(pilot)
        answers.set()
        await settle(pilot)
        assert "VMs (2) 0" in words(pilot)


async def test_what_happens_before_the_events_are_followed_is_shown(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "START_AFTER", 0.5)
    async with console(read_only=True).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "1 mail not sent" not in words(pilot)
        assert not pilot.app._feed.is_alive()  # type: ignore[attr-defined]
        with transaction():
            Outbox.create(
                uid="1", key="1", template="welcome", recipient="a@b.example", state="failed", context="x"
            )
            publish("mail", "A mail failed", level="error")
        await until(pilot, lambda: "1 mail not sent" in words(pilot))


async def test_the_style_sheet_is_parsed_once_in_the_colours_of_the_theme(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Stylesheet] = []
    parse_again = Stylesheet.reparse

    def counted(sheet: Stylesheet) -> None:
        parsed.append(sheet)
        parse_again(sheet)

    monkeypatch.setattr(Stylesheet, "reparse", counted)
    app = console(appearance=Appearance(themes.LIGHT))
    async with app.run_test() as pilot:
        await settle(pilot)
        at_start = app.screen.styles.background
        assert parsed == []
        app.theme = themes.DARK
        await settle(pilot)
        assert len(parsed) == 1
        assert app.screen.styles.background == Color.parse(themes.theme(themes.DARK).background or "")
    assert at_start == Color.parse(themes.theme(themes.LIGHT).background or "")


def test_nothing_of_ours_stands_in_for_something_of_textual_by_its_name() -> None:
    made_for_us = {"_fatal_error"}  # Textual's own crash report, replaced by a sentence on purpose
    made = {
        name
        for name in vars(App)
        if callable(getattr(App, name)) and name.startswith("_") and "__" not in name
    }
    ours = {name for name, value in vars(Console).items() if callable(value)}
    assert (ours & made) - made_for_us == set()
