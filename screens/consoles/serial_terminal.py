"""A guest's serial line in this terminal: raw keys out, filtered output in, and the terminal restored whatever happens.

It draws nothing of its own and uses no second screen, so the terminal's own scrollback keeps what the guest wrote.
The command line and the console both come through here; nothing of the console's toolkit is needed.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType
from typing import Any

from engine.actions.consoles import OpenSerial
from engine.consoles.filtering import GuestOutput
from engine.consoles.serial import SIGN_OF_LIFE_SECONDS, SerialLine
from engine.consoles.tail import Tail
from screens.consoles.session_log import SessionLog

_KEYS = 16_384
_HALF_A_CHARACTER = 0.05  # how long the rest of a cut character is waited for
_SIGNALS = (signal.SIGWINCH, signal.SIGCONT, signal.SIGTERM, signal.SIGHUP)
# Whatever the guest left switched on: sets, colours, keypad, mouse, paste, margins; then the cursor stays where it is.
_RESTORE = (
    "\x0f\x1b(B\x1b[0m\x1b[4l\x1b[?1l\x1b>\x1b[?5l\x1b[?7h\x1b[?25h\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l"
    "\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b7\x1b[?6l\x1b[r\x1b8"
)
_FIRST_SCREEN = "\x1b[?1049l"


class Parting(StrEnum):
    """Why a session ended."""

    DETACHED = "detached"
    ENDED = "ended"
    LOST = "lost"
    TERMINAL = "terminal"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class SerialSession:
    """What is left of a session: why it ended, its last lines, and what became of the log."""

    parting: Parting
    lines: tuple[str, ...]
    log_error: str = ""


def sentence(parting: Parting, name: str) -> str:
    """Why a session ended, for an operator."""
    return {
        Parting.DETACHED: f"Left the serial console of {name}; the VM keeps running.",
        Parting.ENDED: f"Proxmox ended the serial console of {name}: the VM was stopped or migrated.",
        Parting.LOST: f"The connection to the serial console of {name} was lost. The VM may still be running; "
        "check with kvmtui vm show.",
        Parting.TERMINAL: f"The terminal went away; the serial console of {name} was left.",
        Parting.SIGNAL: f"A signal ended the serial console of {name}; the VM keeps running.",
    }[parting]


def visit(opened: OpenSerial, detach: bytes, log: SessionLog | None = None) -> SerialSession:
    """One session at a serial line that was opened for it: attached until its end, and then hung up."""
    how = "broken off"
    try:
        session = attach(opened.line, detach, log)
        how = session.parting.value
    finally:
        opened.end(how)
    return session


def attach(line: SerialLine, detach: bytes, log: SessionLog | None = None) -> SerialSession:
    """Connects this terminal with the line until the detach key, the end of the line, or a signal."""
    keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    sys.stdout.flush()
    with _bell() as (heard, ring), _signals(ring):
        attached = _Attached(line, detach, keys, screen, heard, ring, log)
        with _raw(keys, screen, attached.output):
            parting = attached.run()
    return SerialSession(parting, tuple(attached.tail.lines()), log.error if log else "")


class _Attached:
    """One session: keys and signals in this thread, the guest's output in another."""

    def __init__(
        self,
        line: SerialLine,
        detach: bytes,
        keys: int,
        screen: int,
        heard: int,
        ring: int,
        log: SessionLog | None,
    ) -> None:
        self.line, self.detach = line, detach
        self.keys, self.screen = keys, screen
        self.heard, self.ring = heard, ring
        self.log = log
        self.output = GuestOutput()
        self.tail = Tail()
        self._half = b""
        self._parting = Parting.LOST
        self._next_sign = time.monotonic() + SIGN_OF_LIFE_SECONDS
        self._shower = threading.Thread(target=self._show, name="serial", daemon=True)

    def run(self) -> Parting:
        """Relays until one side ends the session; returns which."""
        self._shower.start()
        try:
            self._tell_size()
            while (parting := self._once()) is None:
                pass
        except ConnectionError:
            parting = Parting.LOST
        finally:
            self.line.close()
            self._shower.join(3.0)
        return parting

    def _once(self) -> Parting | None:
        ready, _, _ = select.select([self.keys, self.heard], [], [], self._patience())
        if self.heard in ready and (parting := self._hear()) is not None:
            return parting
        if self.keys in ready:
            return self._typed()
        if not ready and self._half:
            self._send_half()
        if time.monotonic() >= self._next_sign:
            self.line.sign_of_life()
            self._next_sign = time.monotonic() + SIGN_OF_LIFE_SECONDS
        return None

    def _patience(self) -> float:
        return _HALF_A_CHARACTER if self._half else max(0.0, self._next_sign - time.monotonic())

    def _hear(self) -> Parting | None:
        """Handles signals and the end of the output, as read from the wake-up pipe."""
        for on_signal in os.read(self.heard, 64):
            if on_signal == 0:
                return self._parting
            if on_signal in (signal.SIGTERM, signal.SIGHUP):
                return Parting.SIGNAL
            if on_signal == signal.SIGCONT:
                tty.setraw(self.keys, termios.TCSADRAIN)
            self._tell_size()
        return None

    def _typed(self) -> Parting | None:
        try:
            data = os.read(self.keys, _KEYS)
        except OSError:
            data = b""
        if not data:
            return Parting.TERMINAL
        before, key, _ = data.partition(self.detach)
        whole = self._half + before
        cut = whole_characters(whole)
        self.line.type(whole[:cut])
        self._half = whole[cut:]
        return Parting.DETACHED if key else None

    def _send_half(self) -> None:
        half, self._half = self._half, b""
        self.line.type(half)

    def _tell_size(self) -> None:
        with suppress(OSError):
            size = os.get_terminal_size(self.screen)
            self.line.resize(size.columns, size.lines)

    def _show(self) -> None:
        """Runs in its own thread: a stalled terminal blocks the guest's output, never the keys."""
        try:
            while (data := self.line.receive()) is not None:
                shown = self.output.feed(data)
                self.tail.feed(shown)
                if self.log is not None:
                    self.log.write(shown)
                _write(self.screen, shown.encode())
            self._parting = Parting.ENDED
        except ConnectionError:
            self._parting = Parting.LOST
        except OSError:
            self._parting = Parting.TERMINAL
        with suppress(OSError):
            os.write(self.ring, b"\0")


def whole_characters(data: bytes) -> int:
    """How many of these bytes are whole UTF-8 characters; a start that waits for its end is not."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            needs = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return len(data) - back if needs > back else len(data)
    return len(data)


@contextmanager
def _bell() -> Iterator[tuple[int, int]]:
    """A pipe that wakes the session up."""
    heard, ring = os.pipe()
    os.set_blocking(ring, False)
    try:
        yield heard, ring
    finally:
        os.close(heard)
        os.close(ring)


@contextmanager
def _signals(ring: int) -> Iterator[None]:
    """Inside the block signals wake the loop; afterwards the previous handlers are restored."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(ring, bytes([number]))

    before: dict[int, Any] = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def _raw(keys: int, screen: int, output: GuestOutput) -> Iterator[None]:
    """The terminal gives every key as it is, and is as before afterwards; keys nobody read are thrown away."""
    before = termios.tcgetattr(keys)
    tty.setraw(keys, termios.TCSADRAIN)
    try:
        yield
    finally:
        with suppress(OSError):
            _write(screen, (_RESTORE + (_FIRST_SCREEN if output.other_screen else "") + "\r\n").encode())
        with suppress(termios.error):
            termios.tcsetattr(keys, termios.TCSAFLUSH, before)


def _write(screen: int, data: bytes) -> None:
    while data:
        data = data[os.write(screen, data) :]
