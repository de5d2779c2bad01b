"""Writers take turns at a SQLite database, in the order in which they asked.

SQLite lets writers of the same file poll for its lock with growing pauses: with many threads, some wait for seconds
while others write again and again. Writers of one process therefore queue here. Writers of several processes queue at
a file beside the database, so that an API's order waits for the transaction that is open, not for a busy engine.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)
_PATIENCE_S = 2.0
_POLL_S = 0.0005


class _QueueFile:
    """An open file, closed when nobody uses it any more: another thread may close the database at any moment."""

    def __init__(self, path: Path) -> None:
        self._number = -1
        self._number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __del__(self) -> None:
        if self._number >= 0:
            os.close(self._number)

    def fileno(self) -> int:
        """The number of the file, for `flock`."""
        return self._number


class Turns:
    """A lock that is handed on to whoever has waited longest; those whose turn is urgent go first.

    With `use_file`, whoever has it is also the only process that waits for SQLite's own lock; call `begun` once
    SQLite granted that one. A process that was stopped while it waits delays the others by `patience` seconds each.
    """

    def __init__(self, patience: float = _PATIENCE_S) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()
        self._urgent: deque[threading.Lock] = deque()
        self._patience = patience
        self._file: _QueueFile | None = None
        self._queued: _QueueFile | None = None

    def use_file(self, path: Path | None) -> None:
        """Queue with the processes that use the same file; None, or a file that cannot be opened: with none."""
        self._file = None
        if path is None:
            return
        try:
            self._file = _QueueFile(path)
        except OSError as error:
            log.info("Writers of several processes do not queue: %s", error)

    @contextmanager
    def turn(self, urgent: bool = False) -> Iterator[None]:
        """Hold the lock while the block runs."""
        self._wait(self._urgent if urgent else self._waiting)
        try:
            self._queue()
            yield
        finally:
            self.begun()
            self._hand_on()

    def begun(self) -> None:
        """Let the writers of other processes wait for SQLite's lock."""
        queued, self._queued = self._queued, None
        if queued is not None:
            fcntl.flock(queued, fcntl.LOCK_UN)

    def _queue(self) -> None:
        file = self._file
        if file is None:
            return
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_POLL_S)
            except OSError as error:  # a file system without such locks
                log.info("Writers of several processes do not queue: %s", error)
                return
            else:
                self._queued = file
                return

    def _wait(self, line: deque[threading.Lock]) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            line.append(mine)
        try:
            mine.acquire()
        except BaseException:  # interrupted while waiting: leave the queue, or hand on what was handed over
            with self._guard:
                if mine in line:
                    line.remove(mine)
                    raise
            self._hand_on()
            raise

    def _hand_on(self) -> None:
        with self._guard:
            if line := self._urgent or self._waiting:
                line.popleft().release()
            else:
                self._taken = False
