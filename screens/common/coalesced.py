"""Reads outside the UI thread, one query at a time.

Requests during a query are merged into one more query afterwards: a slow database gets
one query at a time, and the last result is newer than the last request.

    self._vitals = CoalescedRead(self, self._read_vitals)
    self._vitals.wanted()
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.dom import DOMNode

READING = "reading"
"""The group of the workers that read again what a screen shows."""
FIRST_READING = "read"
"""The group of those that read what a screen shows first."""


class CoalescedRead:
    """One reading of a node of the screen."""

    def __init__(self, node: DOMNode, read: Callable[[], Awaitable[None]]) -> None:
        self._node = node
        self._read = read
        self._busy = self._again = False

    def wanted(self, *, first: bool = False) -> None:
        """Reads now, or once more as soon as the reading under way has ended. Keys wait for the `first` one."""
        self._again = True
        if not self._busy:
            self._busy = True
            self._node.run_worker(self._read_on(), group=FIRST_READING if first else READING)

    async def _read_on(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._read()
        finally:
            self._busy = False
