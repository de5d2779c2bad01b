"""The terminal driver, which ends with its terminal; Textual's driver reads a closed terminal forever."""

from __future__ import annotations

import contextlib
import select
import threading
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from screens.shell.sgr import shortened

_GONE = select.POLLHUP | select.POLLERR


class TerminalLost(Message):
    """The terminal is gone: its window was closed, or the connection to it was lost."""


def hung_up(fileno: int) -> bool:
    """True once the terminal behind this descriptor is gone. Never waits."""
    return _poll(fileno, 0)


def _poll(fileno: int, timeout: int | None) -> bool:
    poll = select.poll()
    poll.register(fileno, 0)  # nothing but the end of the line; input does not wake it
    return any(event & _GONE for _, event in poll.poll(timeout))


class _Output:
    """The terminal for the writer's thread: styles are shortened, and what can no longer be written is dropped.

    A writer that ends with an error leaves a full queue behind, in which the console would wait for ever.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, words: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(shortened(words))

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


class TerminalDriver(LinuxDriver):
    """Sends the app `TerminalLost` when the terminal is gone."""

    def __init__(self, app: Any, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._file: Any = _Output(self._file)
        self._watcher = threading.Thread(target=self._watch, name="terminal-watch", daemon=True)

    def start_application_mode(self) -> None:
        """Starts drawing and reading; also after the console was suspended."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._watcher.ident is None:
            self._watcher.start()

    def run_input_thread(self) -> None:
        """Reads until the console ends; a terminal that cannot be read is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self._lost()

    def _watch(self) -> None:
        if _poll(self.fileno, None):
            self._lost()

    def _lost(self) -> None:
        self._app.post_message(TerminalLost())
