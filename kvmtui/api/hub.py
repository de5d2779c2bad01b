"""Follows the events of the site once per process and hands them to everybody who listens, without a thread each."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable

from engine.queries.events import EventView, Follower

log = logging.getLogger("kvmtui.api")
QUEUE = 500  # events a listener may be behind before it reads from the database again
_WAIT_S = 0.5
_AFTER_ERROR_S = 2.0


class StreamListener:
    """One who listens: what came since the last look, in a bounded queue."""

    def __init__(self) -> None:
        self._events: deque[EventView] = deque()
        self._changed = asyncio.Event()
        self.lost = False
        """Whether events were dropped because the listener was too slow; they are in the database."""
        self.closed = False

    def put(self, events: list[EventView]) -> None:
        """Hand over events; beyond the limit the queue is emptied and `lost` is set."""
        if len(self._events) + len(events) > QUEUE:
            self._events.clear()
            self.lost = True
        elif not self.lost:
            self._events.extend(events)
        self._changed.set()

    def close(self) -> None:
        """Wake the listener for the last time."""
        self.closed = True
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something came or it was closed; False when nothing did in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> tuple[list[EventView], bool]:
        """What came, and whether something before it was lost."""
        found, lost = list(self._events), self.lost
        self._events.clear()
        self._changed.clear()
        self.lost = False
        return found, lost


class Hub:
    """The one follower of this process."""

    def __init__(self, tap: Callable[[list[EventView]], None] | None = None) -> None:
        self._tap = tap
        self._listeners: set[StreamListener] = set()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._follower: Follower | None = None
        self.closing = False

    def start(self, after: int) -> None:
        """Begin to follow what comes after event `after`, however late the thread starts; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._follow, args=(after,), name="kvmtui-api-events", daemon=True
        )
        self._thread.start()

    def listen(self) -> StreamListener:
        """A listener that gets every event committed from now on."""
        listener = StreamListener()
        self._listeners.add(listener)
        if self.closing:
            listener.close()
        return listener

    def leave(self, listener: StreamListener) -> None:
        """Stop handing events to a listener."""
        self._listeners.discard(listener)

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def close(self) -> None:
        """End every stream and long poll; may be called from any thread."""
        self._stop.set()
        if self._follower is not None:
            self._follower.interrupt()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close)

    def join(self, timeout: float) -> None:
        """Wait for the follower to let go of the database, after `close`."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _close(self) -> None:
        self.closing = True
        for each in list(self._listeners):
            each.close()

    def _follow(self, after: int) -> None:
        while not self._stop.is_set():
            try:
                self._follower = self._follower or Follower(after)
                found = self._follower.wait(_WAIT_S)
                if found and self._loop is not None:
                    self._loop.call_soon_threadsafe(self._hand_out, found)
            except RuntimeError:  # the loop was closed
                break
            except Exception:
                log.exception("The events could not be read; retrying")
                self._stop.wait(_AFTER_ERROR_S)
        if self._follower is not None:
            self._follower.close()

    def _hand_out(self, found: list[EventView]) -> None:
        if self._tap is not None:
            self._tap(found)
        for each in list(self._listeners):
            each.put(found)
