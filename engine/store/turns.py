"""Writers of one process take turns at a SQLite database, in the order in which they asked.

SQLite lets writers of the same file poll for its lock with growing pauses: with many threads, some wait for seconds
while others write again and again. Other processes still meet at SQLite's own lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that is handed on to whoever has waited longest; those whose turn is urgent go first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()
        self._urgent: deque[threading.Lock] = deque()

    @contextmanager
    def turn(self, urgent: bool = False) -> Iterator[None]:
        """Hold the lock while the block runs."""
        self._wait(self._urgent if urgent else self._waiting)
        try:
            yield
        finally:
            self._hand_on()

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
