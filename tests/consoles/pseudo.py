"""The program behind a pseudo terminal, and everything it wrote there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.conftest import Ran, clean_environment

WITHIN = 20.0


class Pseudo:
    """`kvmtui` in a pseudo terminal of 80×24: `with Pseudo(home, "vm", "console", "1") as it:`."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.shown = b""
        self._master, self._slave = pty.openpty()
        os.set_blocking(self._master, False)
        self.resize(80, 24, tell=False)
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kvmtui", *arguments],
            stdin=self._slave, stdout=self._slave, stderr=self._slave, start_new_session=True,
            env=clean_environment(home) | {"TERM": "xterm-256color"} | environment,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for each in (self._master, self._slave):
            with suppress(OSError):
                os.close(each)

    def until(self, words: bytes, after: int = 0) -> None:
        """Reads until these bytes were written."""
        self._read(lambda: words in self.shown[after:], words.decode(errors="replace"))

    def type(self, data: bytes) -> None:
        """Types at it."""
        os.write(self._master, data)

    def resize(self, columns: int, rows: int, tell: bool = True) -> None:
        """Makes the terminal another size."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:  # what the kernel does for a terminal in the foreground
            os.kill(self.process.pid, signal.SIGWINCH)

    def ended(self) -> int:
        """Reads to the end; the exit status."""
        self._read(lambda: self.process.poll() is not None, "its end")
        self._take()
        return int(self.process.returncode)

    def hang_up(self) -> int:
        """Closes the terminal, and sends SIGHUP until the program has ended; the exit status."""
        for each in (self._slave, self._master):
            os.close(each)
        end = time.monotonic() + WITHIN
        while self.process.poll() is None and time.monotonic() < end:
            self.process.send_signal(signal.SIGHUP)
            time.sleep(0.002)
        return self.process.wait(1)

    @property
    def restored(self) -> bool:
        """Whether the terminal echoes and gives whole lines again, as before."""
        return termios.tcgetattr(self._slave) == self.before

    @property
    def raw(self) -> bool:
        """Whether every key goes to the program as it is."""
        return not termios.tcgetattr(self._slave)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)

    @property
    def last_line(self) -> str:
        """The last line that was written."""
        return self.shown.decode(errors="replace").rstrip().splitlines()[-1]

    def _read(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + WITHIN
        while not done():
            if time.monotonic() > end:
                raise AssertionError(f"never came: {what}; it showed {self.shown[-2000:]!r}")
            select.select([self._master], [], [], 0.05)
            self._take()

    def _take(self) -> None:
        with suppress(BlockingIOError, OSError):
            self.shown += os.read(self._master, 1 << 20)


def run(home: Path, *arguments: str, timeout: float = 60, **environment: str) -> Ran:
    """Runs the program to its end without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "kvmtui", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
        env=clean_environment(home) | environment,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
