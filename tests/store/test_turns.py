"""Writers take turns in the order in which they asked, in one process and in several."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.store.database import close_database, execute, in_transaction, open_database, session
from engine.store.turns import Turns
from engine.store.urls import sqlite_url
from tests.waiting import until


def test_whoever_has_waited_longest_is_next() -> None:
    turns, order = Turns(), list[int]()

    def write(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=write, args=[n]) for n in range(8)]
    with turns.turn():
        for n, thread in enumerate(threads, 1):
            thread.start()
            until(lambda n=n: len(turns._waiting) == n)  # type: ignore[misc]
    for thread in threads:
        thread.join(10)
    assert order == list(range(8))


def test_an_urgent_turn_goes_before_those_that_wait_and_keeps_its_order() -> None:
    turns, order = Turns(), list[int]()

    def write(number: int) -> None:
        with turns.turn(urgent=number >= 3):
            order.append(number)

    threads = [threading.Thread(target=write, args=[n]) for n in range(6)]
    with turns.turn():
        for n, thread in enumerate(threads, 1):
            thread.start()
            until(lambda n=n: len(turns._waiting) + len(turns._urgent) == n)  # type: ignore[misc]
    for thread in threads:
        thread.join(10)
    assert order == [3, 4, 5, 0, 1, 2] and not turns._taken


def test_one_writes_at_a_time_whatever_the_writers_raise() -> None:
    turns, inside, most = Turns(), [0], [0]

    def write() -> None:
        for n in range(200):
            try:
                with turns.turn():
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
                    if n % 3 == 0:
                        raise ValueError
            except ValueError:
                continue

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1] and not turns._taken


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_wait_that_is_interrupted_holds_nobody_up(handed_over: bool) -> None:
    turns, leave = Turns(), threading.Event()

    def hold() -> None:
        with turns.turn():
            leave.wait(10)

    def interrupt(number: int, frame: object) -> None:
        if handed_over:  # the turn is given in the very moment of the interruption
            leave.set()
            until(lambda: not turns._waiting)
        raise KeyboardInterrupt

    holder = threading.Thread(target=hold)
    holder.start()
    until(lambda: turns._taken)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt), turns.turn():
            raise AssertionError("the turn was somebody else's")
    finally:
        signal.signal(signal.SIGALRM, before)
    leave.set()
    holder.join(10)
    with turns.turn():
        assert turns._taken


def test_a_process_that_waits_for_the_database_is_next(tmp_path: Path) -> None:
    """Two objects stand for two processes: the file's lock belongs to the one that opened it."""
    engine, api, entered = Turns(), Turns(), threading.Event()
    for each in (engine, api):
        each.use_file(tmp_path / "turns")

    def order() -> None:
        with api.turn():
            entered.set()

    thread = threading.Thread(target=order)
    with engine.turn():  # it waits for SQLite's lock
        thread.start()
        until(lambda: api._taken)
        assert not entered.wait(0.02)
        engine.begun()
        assert entered.wait(10)
    thread.join(10)


def test_a_process_that_was_stopped_while_it_waited_does_not_stop_the_others(tmp_path: Path) -> None:
    stopped, other = Turns(), Turns(patience=0.01)
    for each in (stopped, other):
        each.use_file(tmp_path / "turns")
    with stopped.turn(), other.turn():
        assert other._queued is None
    with other.turn():
        assert other._queued is not None


def test_writers_go_on_when_the_database_is_closed_under_them(tmp_path: Path) -> None:
    turns = Turns()
    turns.use_file(tmp_path / "turns")
    with turns.turn():
        turns.use_file(None)
    with turns.turn():
        turns.begun()
    turns.use_file(tmp_path / "absent" / "turns")
    with turns.turn():
        assert turns._queued is None


_BUSY = """
import sys, threading
from engine.store.database import execute, in_transaction, open_database
from tests.store.test_turns import slow_write
open_database(sys.argv[1])
stop = threading.Event()
def write():
    while not stop.is_set():
        in_transaction(slow_write)
threads = [threading.Thread(target=write, daemon=True) for _ in range(4)]
[each.start() for each in threads]
print("busy", flush=True)
sys.stdin.read()
stop.set()
[each.join(10) for each in threads]
"""


def slow_write() -> None:
    """A transaction as long as one of an engine at work."""
    execute("INSERT INTO turn DEFAULT VALUES")
    time.sleep(0.003)


def test_a_busy_process_lets_another_write_after_one_transaction(tmp_path: Path) -> None:
    """Without the queue the other process polls with growing pauses, and is passed by many times."""
    tmp_path.chmod(0o700)
    url = sqlite_url(tmp_path / "busy.db")
    open_database(url)
    passed_by = []
    try:
        with session():
            execute("CREATE TABLE turn (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        with subprocess.Popen(
            [sys.executable, "-c", _BUSY, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as busy:
            assert busy.stdout is not None and busy.stdout.readline() == "busy\n"
            with session():
                for _ in range(20):
                    seen = _written()
                    until(lambda seen=seen: _written() > seen)  # type: ignore[misc]
                    before = _written()
                    passed_by.append(in_transaction(_written) - before)
            busy.communicate()
    finally:
        close_database()
    assert max(passed_by) <= 10, passed_by


def _written() -> int:
    return int(execute("SELECT COALESCE(MAX(id), 0) FROM turn").fetchone()[0])
