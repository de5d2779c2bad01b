"""What the console's first page waits for: itself, and nothing that can come after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from textual.app import App

from screens.shell.console import Console

ROOT = Path(__file__).parent.parent.parent
FIRST_PAGE = """
import sys
from engine.store import drivers
import kvmtui.terminal.exits, kvmtui.app, kvmtui.config
drivers.needed_by("sqlite:////tmp/x.db")
import engine.store.migrate, engine.store.secrets
import screens.shell.console, screens.dashboard.screen, screens.common.memory
print(*sys.modules)
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
def loaded() -> set[str]:
    """Every module that is there when the first page is painted over a SQLite file."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PAGE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", LATER)
def test_the_first_page_does_not_wait_for(module: str, loaded: set[str]) -> None:
    assert module not in loaded


def test_nothing_of_ours_stands_in_for_something_of_textual_by_its_name() -> None:
    made_for_us = {"_fatal_error"}  # Textual's own crash report, replaced by a sentence on purpose
    made = {
        name
        for name in vars(App)
        if callable(getattr(App, name)) and name.startswith("_") and "__" not in name
    }
    ours = {name for name, value in vars(Console).items() if callable(value)}
    assert (ours & made) - made_for_us == set()
