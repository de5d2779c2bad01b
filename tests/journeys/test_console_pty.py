"""The real program in a real terminal: it starts on an empty home, and every way out restores the terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.journeys.pseudo_terminal import LEFT_SCREEN, Console


def test_it_starts_on_an_empty_home_and_q_leaves(console: Callable[..., Console]) -> None:
    shown = console()
    shown.until("no server yet")
    shown.until("engine here")
    shown.press(b"2")
    shown.until("No VM yet.")
    shown.press(b"q")
    assert shown.ended() == 0
    assert LEFT_SCREEN in shown.screen
    assert b"Traceback" not in shown.screen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal_and_parks_the_engine(
    console: Callable[..., Console], number: signal.Signals
) -> None:
    shown = console()
    shown.until("engine here")
    began = time.monotonic()
    shown.process.send_signal(number)
    assert shown.ended() == 0
    assert time.monotonic() - began < 5
    assert LEFT_SCREEN in shown.screen


def test_a_second_console_beside_the_first_just_works(console: Callable[..., Console]) -> None:
    first = console()
    first.until("engine here")
    second = console("--read-only")
    second.until("read-only")
    second.until("engine console on")
    second.press(b"q")
    first.press(b"q")
    assert (first.ended(), second.ended()) == (0, 0)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_is_sent_to_the_command_line(console: Callable[..., Console], term: str) -> None:
    shown = console(TERM=term)
    assert shown.ended() == 2
    assert b"kvmtui --help" in shown.screen
    assert b"\x1b" not in shown.screen


def test_without_a_terminal_it_says_what_works_instead(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kvmtui"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        env=clean_environment(home),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "kvmtui --help" in done.stderr
