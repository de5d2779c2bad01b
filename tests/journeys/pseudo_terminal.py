"""A real terminal written to byte by byte: several keys in one packet, as a fast typist or a slow line sends them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import clean_environment

_WITHIN = 30.0
LEFT_SCREEN = b"\x1b[?1049l"


def _control() -> None:
    """In the program: makes this its controlling terminal, so that its end sends SIGHUP."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Console:
    """A console on a pseudo-terminal; what `press` writes arrives in one packet.

    `controls`: it is the program's controlling terminal, as it is in a shell; without, no SIGHUP tells of its end.
    """

    def __init__(
        self,
        home: Path,
        *arguments: str,
        program: tuple[str, ...] = ("-m", "kvmtui"),
        controls: bool = False,
        size: tuple[int, int] = (80, 24),
        **environment: str,
    ) -> None:
        self.screen = self.everything = b""
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=_control if controls else None,
            env=clean_environment(home) | {"TERM": "xterm-256color"} | environment,
        )  # fmt: skip
        os.close(slave)

    def until(self, words: str) -> None:
        """Reads until these words were drawn."""
        wanted = re.compile(rb"\s*".join(re.escape(word.encode()) for word in words.split()))
        self._read(lambda: wanted.search(self._text()) is not None, words)

    def forget(self) -> None:
        """Drops what was drawn so far from `screen`."""
        self.screen = b""

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def ended(self) -> int:
        """Reads to the end; the exit status."""
        self._read(lambda: self.process.poll() is not None, "its end")
        self._take()
        return self.process.returncode

    def vanish(self) -> None:
        """Takes the terminal from the program, as the death of a terminal emulator does."""
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._master >= 0:
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
            read = os.read(self._master, 1 << 20)
            self.screen, self.everything = self.screen + read, self.everything + read
