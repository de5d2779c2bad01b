"""The terminal of a running console is gone: its emulator was killed, and no signal need have said so."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.pseudo_terminal import Console

_SECONDS = 20.0  # it takes about 0.2; a machine under load must not make this red


@pytest.mark.parametrize("controls", [True, False], ids=["with SIGHUP", "without a signal"])
@pytest.mark.parametrize("switches", [(), ("--read-only",)], ids=["engine", "read-only"])
def test_a_console_ends_with_its_terminal(
    home: Path,
    migrated_sqlite: Path,
    console: Callable[..., Console],
    controls: bool,
    switches: tuple[str, ...],
) -> None:
    shutil.copy(migrated_sqlite, home / "kvmtui.db")
    shown = console(*switches, controls=controls)
    shown.until("First steps" if switches else "engine here")
    shown.vanish()
    assert shown.process.wait(_SECONDS) == 1
    with closing(sqlite3.connect(home / "kvmtui.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM worker").fetchall() == [(0,)], "the engine was stopped"
    log = (home / "logs" / "kvmtui.log").read_text()
    assert log.count("The console lost its terminal and ended") == 1
    assert "Traceback" not in log


def test_the_demo_ends_with_its_terminal(home: Path, console: Callable[..., Console]) -> None:
    shown = console("--demo", controls=False)
    shown.until("engine here")
    shown.vanish()
    assert shown.process.wait(_SECONDS) == 1
