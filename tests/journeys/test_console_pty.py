"""The real program in a real terminal: it starts on an empty home, and every way out restores the terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import clean_environment

_WITHIN = 30.0
_LEFT_SCREEN = b"\x1b[?1049l"


class Console:
    """A console behind a pseudo terminal of 80×24."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.screen = b""
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        import fcntl
        import struct
        import termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kvmtui", *arguments],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=clean_environment(home) | {"TERM": "xterm-256color"} | environment,
        )  # fmt: skip
        os.close(slave)

    def until(self, words: str) -> None:
        """Reads until these words were drawn."""
        wanted = re.compile(rb"\s*".join(re.escape(word.encode()) for word in words.split()))
        self._read(lambda: wanted.search(self._text()) is not None, words)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def ended(self) -> int:
        """Reads to the end; the exit status."""
        self._read(lambda: self.process.poll() is not None, "its end")
        self._take()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _text(self) -> bytes:
        return re.sub(rb"\x1b\[[0-9;?<>=]*[A-Za-z]", b" ", self.screen)

    def _read(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _WITHIN
        while not done():
            if time.monotonic() > end:
                raise AssertionError(f"never came: {what}; it showed {self._text()[-2000:]!r}")
            select.select([self._master], [], [], 0.1)
            self._take()

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self.screen += os.read(self._master, 1 << 20)


@pytest.fixture
def console(home: Path) -> Iterator[Callable[..., Console]]:
    """Starts consoles on one home and ends them all."""
    started: list[Console] = []

    def start(*arguments: str, **environment: str) -> Console:
        started.append(Console(home, *arguments, **environment))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_it_starts_on_an_empty_home_and_q_leaves(console: Callable[..., Console]) -> None:
    shown = console()
    shown.until("no server yet")
    shown.until("engine here")
    shown.press(b"2")
    shown.until("No VM yet.")
    shown.press(b"q")
    assert shown.ended() == 0
    assert _LEFT_SCREEN in shown.screen
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
    assert _LEFT_SCREEN in shown.screen


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
