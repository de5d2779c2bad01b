"""A thread that works on a queue whenever its channel is notified or something in it becomes due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from engine.work import wake

log = logging.getLogger(__name__)
AFTER_A_FAULT_S = 5.0


class Loop:
    """A thread that calls `check` when its channel is notified or the time comes that `check` returned.

    `check` does what is due and returns the seconds until the next call. An exception in it is logged, and it is called
    again after a few seconds.
    """

    def __init__(self, channel: str, check: Callable[[], float]) -> None:
        self.stopping = threading.Event()
        self._channel = channel
        self._check = check
        self._last_round = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, once however often it is called."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"engine-{self._channel}", daemon=True)
            self._thread.start()

    def finish(self, within: float) -> bool:
        """Do what is due now, then end; True when that was done in time."""
        self._last_round.set()
        self.start()
        return self.join(within)

    def stop(self, within: float) -> bool:
        """End after what is being done; True when that was in time."""
        self.stopping.set()
        return self.join(within)

    def join(self, within: float) -> bool:
        """Wait for the end."""
        wake.notify_here(self._channel)
        if self._thread is not None:
            self._thread.join(within)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        listener = wake.Listener(self._channel)
        try:
            while not self.stopping.is_set():
                last = self._last_round.is_set()
                pause = self._once()
                if last:
                    break
                listener.wait(pause)
        finally:
            listener.close()

    def _once(self) -> float:
        try:
            return self._check()
        except Exception:
            log.exception("The queue of %s could not be read; retrying shortly", self._channel)
            return AFTER_A_FAULT_S
