"""What the console's first page waits for: itself, and nothing that can come after it."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from textual.app import App
from textual.color import Color
from textual.css.stylesheet import Stylesheet

from screens.shell import themes
from screens.shell.console import Console
from screens.shell.themes import Appearance
from tests.conftest import Store
from tests.screens.console_site import console, settle

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
