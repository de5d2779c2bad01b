"""A program in a 120×40 pseudo-terminal: send keys, read and count its output."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
QUIET = 0.06
"""Seconds without output after which a response is complete."""
_CONTROL = re.compile(rb"\x1b\[[0-9;?<>=]*[A-Za-z]")


class Terminal:
    """A program on a pty, started as `python ARGUMENTS` in the project directory."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=_environment(environment or {}),
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(slave)

    def read(self, timeout: float) -> bytes:
        """The output that arrives within `timeout`, or nothing."""
        ready, _, _ = select.select([self._master], [], [], timeout)
        try:
            return os.read(self._master, 1 << 16) if ready else b""
        except OSError:
            return b""

    def until(self, words: bytes, timeout: float = 60.0, settle: bool = True) -> float:
        """Seconds from the start of the program until these words are shown."""
        self.shown(words, timeout)
        took = time.perf_counter() - self.begun
        if settle:
            self.settle()
        return took

    def shown(self, words: bytes, timeout: float = 60.0) -> float:
        """Seconds from now until these words are shown; spaces in them may be cursor movements."""
        wanted = re.compile(rb"\s*".join(map(re.escape, words.split())))
        begun, seen = time.perf_counter(), b""
        while wanted.search(_CONTROL.sub(b" ", seen)) is None:
            seen += self.read(1.0)
            if time.perf_counter() - begun > timeout or self.process.poll() is not None:
                raise TimeoutError(f"{words!r} was not shown: {_CONTROL.sub(b' ', seen)[-2000:]!r}")
        return time.perf_counter() - begun

    def settle(self, quiet: float = 0.6) -> None:
        """Discard output until the terminal was silent for `quiet` seconds."""
        while self.read(quiet):
            pass

    def press(self, key: bytes) -> None:
        """Press a key without reading the response."""
        os.write(self._master, key)

    def key(self, key: bytes) -> tuple[float, float]:
        """Press a key; seconds to the first byte of the response and to the last."""
        self.press(key)
        begun = time.perf_counter()
        first = last = 0.0
        while self.read(0.5 if not first else QUIET):
            last = time.perf_counter() - begun
            first = first or last
        return first, last

    def first_byte(self, key: bytes) -> float:
        """Press a key; seconds to the first byte of the response. Earlier output is discarded."""
        while self.read(0.0):
            pass
        self.press(key)
        begun = time.perf_counter()
        if not self.read(5.0):
            raise TimeoutError(f"{key!r} had no effect within 5 s")
        return time.perf_counter() - begun

    def count(self, seconds: float) -> float:
        """Bytes per second, over `seconds`."""
        end, total = time.perf_counter() + seconds, 0
        while (left := end - time.perf_counter()) > 0:
            total += len(self.read(left))
        return total / seconds

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def ended(self, timeout: float = 30.0) -> float:
        """Read until the program exits; seconds from now."""
        begun = time.perf_counter()
        while self.process.poll() is None:
            self.read(0.005)
            if time.perf_counter() - begun > timeout:
                raise TimeoutError("The program did not exit")
        return time.perf_counter() - begun

    def close(self) -> None:
        """Kill the program."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KVMTUI_", "TEXTUAL", "PYTHON"))
    }
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return {**kept, **terminal, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def terminal(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Run a program in a terminal until the block ends."""
    opened = Terminal(*arguments, environment=environment)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def console(home: Path, *arguments: str) -> Iterator[Terminal]:
    """The console on this KVMTUI_HOME."""
    with terminal("-m", "kvmtui", *arguments, environment={"KVMTUI_HOME": str(home)}) as opened:
        yield opened
