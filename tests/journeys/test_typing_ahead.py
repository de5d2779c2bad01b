"""Keys that arrive in one packet, in the real program: a dialog gets every key typed after the key that opens it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.store.database import close_database, open_database
from engine.store.models import Vm
from engine.store.urls import sqlite_url
from tests.journeys.pseudo_terminal import Console
from tests.screens.console_site import fill
from tests.waiting import until

_WITHIN = 30.0
Start = Callable[..., Console]


@pytest.fixture
def stocked(home: Path, migrated_sqlite: Path) -> Path:
    """A home with twelve VMs in every state."""
    shutil.copy(migrated_sqlite, home / "kvmtui.db")
    open_database(sqlite_url(home / "kvmtui.db"))
    fill(12)
    Vm.update(vm_status="ready", error="", wait_kind="", wait_why="").where(Vm.id > 2).execute()
    close_database()
    return home


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database has, read beside the running console."""
    with closing(sqlite3.connect(home / "kvmtui.db", timeout=10)) as database:
        return database.execute(query).fetchall()


def audit(home: Path) -> list[tuple[str, str]]:
    """What operators have requested, in order: the action and the object's id."""
    return [(action, key) for action, key in rows(home, "SELECT action, object_id FROM audit ORDER BY id")]


def vm_list(console: Start) -> Console:
    """A console at its VM list."""
    shown = console()
    shown.until("engine here")
    shown.press(b"2")
    shown.until("12 VMs")
    return shown


@pytest.mark.parametrize("keys", [b"T5", b"T\t9q", b"jR5"])
def test_a_dialog_asked_for_in_the_same_packet_gets_the_keys(
    stocked: Path, console: Start, keys: bytes
) -> None:
    shown = vm_list(console)
    shown.press(keys)
    shown.until("then enter")
    shown.press(b"\x1b")
    time.sleep(0.5)  # an escape and the next key must not arrive as one
    shown.press(b"q")
    assert shown.ended() == 0
    assert audit(stocked) == []


def test_a_refused_key_and_the_next_in_one_packet_do_not_end_the_console(
    stocked: Path, console: Start
) -> None:
    shown = vm_list(console)
    shown.press(b"R1")  # the first VM is ready: nothing to redeploy; the dialog that says so takes the 1
    shown.until("redeploy is for VMs that are not")
    shown.press(b"\x1b")
    time.sleep(0.5)  # an escape and the next key must not arrive as one
    shown.press(b"1")
    shown.until("Needs you")
    shown.press(b"q")
    assert shown.ended() == 0
    assert audit(stocked) == []


def test_a_name_typed_in_the_same_packet_confirms_its_own_dialog(stocked: Path, console: Start) -> None:
    shown = vm_list(console)
    shown.press(b"jRvps-5547\r")
    until(lambda: audit(stocked) == [("redeploy", "5547")])
    shown.press(b"\rTvps-5546\r")  # enter closes the answer to the first
    shown.until("Nothing was done")
    assert audit(stocked) == [("redeploy", "5547")], "another VM's name confirms nothing"


def test_suspending_ten_marked_vms_takes_their_typed_number(stocked: Path, console: Start) -> None:
    shown = vm_list(console)
    shown.press(b" " * 10 + b"z\r")
    shown.until("Suspend 10 VMs?")
    shown.until("Type 10 to confirm")
    assert audit(stocked) == []
    shown.press(b"10\tnot paid\r")
    until(lambda: len(audit(stocked)) == 10)
    assert {action for action, _ in audit(stocked)} == {"suspend"}
    assert rows(stocked, "SELECT DISTINCT reason FROM audit") == [("not paid",)]


FAILING = """
import sys
from kvmtui import app
from screens.shell.console import Console

async def broken(self):
    raise KeyError("hunter2")

Console.do_log = lambda self: self.run_worker(broken(self))
sys.exit(app.run())
"""
VANISHING = """
import asyncio, sys
from kvmtui.terminal.exits import run
from screens.shell.console import Console

Console.do_log = lambda self: asyncio.current_task().cancel()

sys.exit(run([]))
"""


@pytest.mark.parametrize("program", [FAILING, VANISHING])
def test_an_error_of_the_console_ends_it_with_a_sentence_and_status_1(
    stocked: Path, console: Start, program: str
) -> None:
    shown = console(program=("-c", program))
    shown.until("engine here")
    shown.press(b"L")
    assert shown.ended() == 1
    shown.until("Start kvmtui again.")
    assert b"Traceback" not in shown.screen and b"hunter2" not in shown.screen
    assert "The console ended" in (stocked / "logs" / "kvmtui.log").read_text()
