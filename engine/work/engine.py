"""The engine of one process: a few threads that claim VMs, walk them and watch their tasks.

Several engines share one database without a leader; each sees what the others hold by their leases.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from typing import Literal

from engine.clock import now_ms
from engine.work import claims, wake, watch
from engine.work.claims import Claim
from engine.work.leases import let_go_all
from engine.work.walk import Walker

log = logging.getLogger(__name__)
WORKERS = 12
_IDLE_S = 5.0


class Engine:
    """Start it, stop it; everything it knows is in the database."""

    def __init__(
        self, walker: Walker, kind: Literal["console", "daemon", "cron"], version: str, workers: int = WORKERS
    ) -> None:
        self._walker = walker
        self._kind: Literal["console", "daemon", "cron"] = kind
        self._version = version
        self._size = workers
        self._stop = threading.Event()
        self._work: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._busy = 0
        self._count = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._accepting = True
        self.owner = ""
        walker.stopping = self._stop.is_set

    def register(self) -> None:
        """Enter this process among the workers, once."""
        if not self.owner:
            self.owner = claims.register_worker(self._kind, self._version)
            claims.beat(self.owner)

    def start(self) -> None:
        """Register this worker and start its threads."""
        sys.setswitchinterval(0.001)  # a key press in the console must not wait for our Python code
        self.register()
        roles = [self._dispatch, self._watch, self._beat, *[self._walk] * self._size]
        for number, role in enumerate(roles):
            thread = threading.Thread(target=role, name=f"engine-{role.__name__}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout: float = 8.0) -> bool:
        """Park everything and end; True when every thread ended in time. Nothing is lost either way."""
        self._stop.set()
        wake.ring_here()
        for _ in range(self._size):
            self._work.put(None)
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if self.owner:
            claims.leave(self.owner)
            let_go_all(self.owner)
        return ended

    @property
    def busy(self) -> int:
        """How many VMs are being walked this moment."""
        with self._count:
            return self._busy

    def _dispatch(self) -> None:
        """Claim what is due as long as a worker is free; sleep until something is."""
        listener = wake.Listener()
        while not self._stop.is_set():
            try:
                if self._claim_some():
                    continue
                listener.wait(self._pause())
            except Exception:
                log.exception("The dispatcher met a trouble and goes on")
                self._stop.wait(1.0)
        listener.close()

    def _claim_some(self) -> bool:
        with self._count:
            self._count.wait_for(lambda: self._busy < self._size or self._stop.is_set(), timeout=1.0)
            free = self._size - self._busy
        if free <= 0 or self._stop.is_set():
            return False
        taken = claims.claim_due(self.owner, free)
        with self._count:
            self._busy += len(taken)
        for claim in taken:
            self._work.put(claim)
        return bool(taken)

    def _pause(self) -> float:
        due = claims.next_due()
        if due is None:
            return _IDLE_S
        return min(_IDLE_S, max(0.02, (due - now_ms()) / 1000))

    def _walk(self) -> None:
        while (claim := self._work.get()) is not None:
            try:
                self._walker.walk(claim)
            except Exception:
                log.exception("The walk over VM %s was cut short; it will be claimed again", claim.vm_id)
            finally:
                with self._count:
                    self._busy -= 1
                    self._count.notify_all()

    def _watch(self) -> None:
        while not self._stop.wait(watch.EVERY_S):
            try:
                watch.look(self.owner, self._walker.servers)
            except Exception:
                log.exception("The task watcher met a trouble and goes on")

    def _beat(self) -> None:
        while not self._stop.wait(claims.BEAT_S):
            try:
                claims.beat(self.owner)
            except Exception:
                log.exception("The heartbeat could not be written")
