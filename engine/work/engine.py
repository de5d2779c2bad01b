"""The engine of one process: threads that claim VMs, walk them and watch their tasks.

Several engines share one database without a leader; each sees what the others hold by their leases.
"""

from __future__ import annotations

import gc
import logging
import queue
import sys
import threading
import time
from functools import cache

from engine.store.database import checkpoint
from engine.work import claims, wake, watch, workers
from engine.work.claims import Claim
from engine.work.walk import Walker

log = logging.getLogger(__name__)
WORKERS = 12  # VMs walked at once
RESERVED = (
    4  # more of them for idle VMs, so that an operator's request does not wait behind a hundred deploys
)
MOST_THREADS = 3 * WORKERS  # with those whose server keeps them waiting
STALLED_S = 2.0  # a step that takes longer waits for somebody else and holds up no other VM
_IDLE_S = 5.0
_FULL_S = 0.5
_CHECKPOINT_S = 1.0


@cache
def _freeze() -> None:
    """Keep the program itself out of every garbage collection, once: it is never garbage."""
    gc.freeze()


class Engine:
    """Start it, stop it; everything it knows is in the database."""

    def __init__(self, walker: Walker, kind: workers.Kind, version: str, size: int = WORKERS) -> None:
        self._walker = walker
        self._kind: workers.Kind = kind
        self._version = version
        self._size = size
        self._most = max(size, MOST_THREADS * size // WORKERS)
        self._stop = threading.Event()
        self._work: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._steps: dict[int, float] = {}  # when the current step of each walked VM began
        self._count = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._walkers = 0
        self._due_in: float | None = 0.0  # seconds until the next VM is due, as the last look found it
        self.owner = ""
        walker.stopping = self._stop.is_set

    def register(self) -> None:
        """Enter this process among the workers, once."""
        if not self.owner:
            self.owner = workers.register(self._kind, self._version)

    def start(self) -> None:
        """Register this worker and start its threads."""
        sys.setswitchinterval(0.001)  # a key press in the console must not wait for our Python code
        _freeze()
        self.register()
        for role in (self._dispatch, self._watch, self._beat, self._checkpoint):
            self._thread(role)
        self._grow(self._size)

    def stop(self, timeout: float = 8.0) -> bool:
        """Park everything and end; True when every thread ended in time. Nothing is lost either way."""
        self._stop.set()
        wake.notify_here()
        with self._count:
            self._count.notify_all()
            for _ in range(self._walkers):
                self._work.put(None)
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if self.owner:
            workers.leave(self.owner)
        return ended

    @property
    def busy(self) -> int:
        """How many VMs are being walked this moment."""
        with self._count:
            return len(self._steps)

    def _thread(self, role: object) -> None:
        name = f"engine-{getattr(role, '__name__', 'role')}-{len(self._threads)}"
        thread = threading.Thread(target=role, name=name, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _grow(self, wanted: int) -> None:
        """Have at least this many walking threads."""
        while self._walkers < min(wanted, self._most):
            self._walkers += 1
            self._thread(self._walk)

    def _dispatch(self) -> None:
        """Claim what is due as long as a worker is free; sleep until something is."""
        listener = wake.Listener()
        while not self._stop.is_set():
            try:
                if self._claim_some():
                    continue
                listener.wait(self._pause())
            except Exception:
                log.exception("Due VMs could not be claimed; retrying")
                self._stop.wait(1.0)
        listener.close()

    def _claim_some(self) -> bool:
        with self._count:
            free, reserved = self._free(self._size), self._free(self._size + RESERVED)
        if reserved <= 0 or self._stop.is_set():
            return False
        if free > 0:
            self._due_in = claims.next_due_in()
            if self._due_in is None or self._due_in > 0:
                return False
        taken = claims.claim_due(self.owner, free if free > 0 else reserved, only_idle=free <= 0)
        with self._count:
            now = time.monotonic()
            self._steps.update((claim.vm_id, now) for claim in taken)
            self._grow(len(self._steps))
        for claim in taken:
            self._work.put(claim)
        return bool(taken)

    def _free(self, size: int) -> int:
        """How many more VMs may be walked: those that wait for a slow server do not count."""
        long_ago = time.monotonic() - STALLED_S
        moving = sum(began > long_ago for began in self._steps.values())
        return min(size - moving, self._most - len(self._steps))

    def _pause(self) -> float:
        with self._count:
            if self._free(self._size) <= 0:
                return _FULL_S  # the end of a walk notifies
        return _IDLE_S if self._due_in is None else min(_IDLE_S, max(0.02, self._due_in))

    def _walk(self) -> None:
        while (claim := self._work.get()) is not None:
            try:
                self._walker.walk(claim, self._moved)
            except Exception:
                log.exception("The walk of VM %s was interrupted; it will be claimed again", claim.vm_id)
            finally:
                with self._count:
                    self._steps.pop(claim.vm_id, None)
                    self._count.notify_all()
                wake.notify_here()  # the VM may be due sooner than what the dispatcher sleeps for

    def _moved(self, vm_id: int) -> None:
        self._steps[vm_id] = time.monotonic()

    def _watch(self) -> None:
        watcher = watch.Watcher(self.owner, self._walker.servers)
        while not self._stop.wait(watch.EVERY_S):
            try:
                watcher.check()
            except Exception:
                log.exception("The waiting tasks could not be read; retrying")

    def _beat(self) -> None:
        unwalked: set[tuple[int, int]] = set()
        while not self._stop.wait(workers.BEAT_S):
            try:
                with self._count:
                    walked = list(self._steps)
                unwalked = workers.beat(self.owner, walked, unwalked)
            except Exception:
                log.exception("The heartbeat could not be written")

    def _checkpoint(self) -> None:
        while not self._stop.wait(_CHECKPOINT_S):
            try:
                checkpoint()
            except Exception:
                log.exception("The database's log could not be copied into its file; retrying")
