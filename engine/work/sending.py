"""Shared by everything that sends to remote servers: one row and one thread per server, and the loop that starts them.

A `Destination` row holds a server's lease (one sender at a time, among all processes) and its outage: since when it
fails, why, and when it is retried. All its times are the database's, so clocks of hosts may differ. A lease is renewed
before each batch, and a batch has a deadline below the lease: a sender that still sends still holds it.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from peewee import Case, fn

from engine.redact import redact
from engine.store.database import in_transaction, now_expression, session
from engine.store.models import Destination
from engine.work import wake
from engine.work.loop import Loop

log = logging.getLogger(__name__)
SLOW_MS = 3_000  # a server that has not answered for this long is not waited for
LEASE_MS = 60_000
LINGER_S = 1.0  # how long a sender keeps its lease without work
_IDLE_S = 30.0
_PUT_OFF_S = 1.0

# --- destinations ---


@dataclass(frozen=True, slots=True)
class DestinationState:
    """Failed attempts in a row at a destination, the reason, and the milliseconds until the next attempt."""

    failures: int = 0
    error: str = ""
    wait_ms: int = 0
    slow: bool = False

    @property
    def silent(self) -> bool:
        """Whether an answer cannot be expected now."""
        return self.failures > 0 or self.slow


def states(names: Iterable[str]) -> dict[str, DestinationState]:
    """The state of these destinations; one that was never used has no failures."""
    wanted = list(names)
    now = now_expression()
    busy = Case(None, [((Destination.attempt_at > 0), now - Destination.attempt_at)], 0)
    query = Destination.select(
        Destination.name, Destination.failures, Destination.error, Destination.retry_at - now, busy
    ).where(Destination.name.in_(wanted))
    with session():
        known = {
            name: DestinationState(failures, error, max(0, wait) if failures else 0, busy_ms > SLOW_MS)
            for name, failures, error, wait, busy_ms in query.tuples()
        }
    return {name: known.get(name, DestinationState()) for name in wanted}


def hold(name: str, owner: str, lease_ms: int) -> bool:
    """Take or renew a destination's lease for a batch that begins now; False while another sender holds it."""

    def work() -> bool:
        now = now_expression()
        # a lease that ends later than any can was taken before the clock was set back
        free = (
            (Destination.owner == owner) | (Destination.until <= now) | (Destination.until > now + lease_ms)
        )
        # the end of the batch before was never recorded
        unsure_at = Case(None, [((Destination.attempt_at > 0), now)], Destination.unsure_at)
        taken = (
            Destination.update(owner=owner, until=now + lease_ms, attempt_at=now, unsure_at=unsure_at)
            .where(Destination.name == name, free)
            .execute()
        )
        if not taken and not Destination.select().where(Destination.name == name).exists():
            Destination.insert(name=name).on_conflict_ignore().execute()
            return work()
        return bool(taken)

    return in_transaction(work)


class DestinationLost(Exception):
    """Another sender holds the lease now: nothing more may be written for this destination here."""


def check(name: str, owner: str) -> None:
    """Raise DestinationLost unless the destination is still this sender's. Call it first in a transaction.

    Until the end of the transaction nobody can take the destination over.
    """
    mine = (Destination.name == name) & (Destination.owner == owner)
    if not Destination.update(owner=owner).where(mine).execute():
        raise DestinationLost(name)


def unsure(name: str, within_s: float) -> bool:
    """Whether within this time it became unknown which changes arrived: no answer, or the sender was killed.

    What was sent before may still arrive.
    """
    now = now_expression()
    recent = (Destination.unsure_at > now - int(within_s * 1000)) & (Destination.unsure_at <= now)
    return Destination.select().where((Destination.name == name) & recent).exists()


def release(name: str, owner: str) -> None:
    """Release a lease; another sender can take it at once."""
    mine = (Destination.name == name) & (Destination.owner == owner)
    in_transaction(lambda: Destination.update(owner="", until=0, attempt_at=0).where(mine).execute())


def answered(name: str) -> bool:
    """The destination answered: the batch is over. True when this ends an outage. Call it inside a transaction."""
    same = Destination.name == name
    ended = Destination.update(
        failures=0, error="", retry_at=0, failing_since=None, attempt_at=0, unsure_at=now_expression()
    )
    if ended.where(same, Destination.failures > 0).execute():
        return True
    Destination.update(attempt_at=0).where(same, Destination.attempt_at > 0).execute()
    return False


def failed(name: str, error: str, pauses_s: Sequence[float]) -> bool:
    """The destination did not answer: retry it after a growing pause. True when an outage begins."""

    def work() -> bool:
        row = Destination.get_by_id(name)
        pause = int(pauses_s[min(row.failures, len(pauses_s) - 1)] * 1000)
        now = now_expression()
        Destination.update(
            failures=Destination.failures + 1,
            error=redact(error),
            retry_at=now + pause,
            failing_since=fn.COALESCE(Destination.failing_since, now),
            attempt_at=0,
            unsure_at=now,
        ).where(Destination.name == name).execute()
        return bool(row.failures == 0)

    return in_transaction(work)


def retry_now(names: Iterable[str]) -> None:
    """Retry destinations at once instead of after their pause. Call it inside a transaction."""
    Destination.update(retry_at=0).where(
        Destination.name.in_(list(names)), Destination.failures > 0
    ).execute()


# --- one sender per destination ---


class DestinationSender(ABC):
    """Sends what is due, one thread per destination, each under its lease. Several processes share one queue.

    Start it with the engine, stop it with the engine. A destination that does not answer delays its own work only.
    """

    def __init__(self, channel: str, lease_ms: int = LEASE_MS) -> None:
        self._channel = channel
        self._lease_ms = lease_ms
        self._owner = f"{socket.gethostname()}:{uuid.uuid4().hex[:8]}"
        self._loop = Loop(channel, self._check)
        self._threads: dict[str, DestinationThread] = {}
        self._not_before: dict[str, float] = {}
        self._guard = threading.Lock()
        self._ending = threading.Event()

    @abstractmethod
    def waits(self) -> Mapping[str, float]:
        """The destinations with work, and the seconds until it is due."""

    @abstractmethod
    def send(self, destination: DestinationThread) -> bool:
        """Send one batch of what is due; True when there may be more."""

    def start(self) -> None:
        """Begin to send."""
        self._loop.start()

    def finish(self, within: float) -> bool:
        """Send what is due now, then end; True when that was done in time. One that fails ends the wait for it."""
        end = time.monotonic() + within
        self._ending.set()
        return self._loop.finish(within) and all(
            each.join(max(0.0, end - time.monotonic())) for each in self._active()
        )

    def stop(self, within: float) -> bool:
        """End after the batches that are being answered; True when the queue is no longer read.

        A destination that is silent is not waited for: its work is still due, and its lease ends by itself.
        """
        end = time.monotonic() + min(within, LINGER_S)
        self._ending.set()
        ended = self._loop.stop(within)
        active = self._active()
        for each in active:
            each.work.set()
        for each in active:
            if not each.join(max(0.0, end - time.monotonic())):
                each.abandon()
        return ended

    @property
    def stopping(self) -> bool:
        """Whether no further batch begins."""
        return self._loop.stopping.is_set()

    @property
    def ending(self) -> bool:
        """Whether what is due now is the last that is sent."""
        return self._ending.is_set()

    def hold(self, name: str) -> bool:
        """Take or renew the lease of a destination for this sender."""
        return hold(name, self._owner, self._lease_ms)

    def check(self, name: str) -> None:
        """Raise DestinationLost unless the destination is still this sender's. Call it first in a transaction."""
        check(name, self._owner)

    def release(self, name: str) -> None:
        """Give up the lease of a destination."""
        release(name, self._owner)

    def ended(self, thread: DestinationThread) -> None:
        """A destination has nothing more that is due; it is started again when it has."""
        with self._guard:
            self._threads.pop(thread.name, None)
            if thread.put_off:
                self._not_before[thread.name] = time.monotonic() + _PUT_OFF_S
        wake.notify_here(self._channel)

    def _active(self) -> list[DestinationThread]:
        with self._guard:
            return list(self._threads.values())

    def _check(self) -> float:
        """Start a thread for each destination with due work; returns the seconds until the next check."""
        pause, now = _IDLE_S, time.monotonic()
        with self._guard:
            self._not_before = {name: end for name, end in self._not_before.items() if end > now}
        for name, wait in self.waits().items():
            left = max(wait, self._not_before.get(name, now) - now)
            if left > 0:
                pause = min(pause, left)
            else:
                self._serve(name)
        return max(0.05, pause)

    def _serve(self, name: str) -> None:
        with self._guard:
            thread = self._threads.get(name)
            if thread is None:
                thread = self._threads[name] = DestinationThread(name, self)
                thread.start()
            thread.work.set()


class DestinationThread:
    """The thread of one destination: sends until nothing is due, waits a moment for more, gives its lease up."""

    def __init__(self, name: str, sender: DestinationSender) -> None:
        self.name = name
        self.work = threading.Event()
        self.put_off = False
        """Whether the destination is left to others for a moment: they hold its lease, or sending failed."""
        self._sender = sender
        self._abandoned = False
        self._store_lock = threading.RLock()  # held while the store is used; after `abandon` it is not used
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def join(self, within: float) -> bool:
        """Wait for the end; True when it came in time."""
        self._thread.join(within)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """From now on the thread touches nothing but its socket."""
        with self._store_lock:
            self._abandoned = True

    @property
    def stopping(self) -> bool:
        """Whether no further batch begins."""
        return self._sender.stopping

    @contextmanager
    def store(self) -> Iterator[None]:
        """The store; everything the thread reads or writes, it does in such a block. Blocks may nest."""
        with self._store_lock:
            if self._abandoned:
                raise _Abandoned
            with session():
                yield

    def hold(self) -> bool:
        """Take or renew the lease before a batch; False when another sender holds it: end."""
        with self.store():
            self.put_off = not self._sender.hold(self.name)
        return not self.put_off

    def check(self) -> None:
        """Raise DestinationLost when another sender has taken the destination over; see `check`."""
        self._sender.check(self.name)

    def _run(self) -> None:
        try:
            self._send_all()
        except _Abandoned:
            return
        except DestinationLost:
            log.info("%s was taken over; this sender stops", self.name)
            self.put_off = True
        except Exception:
            log.exception("Sending to %s failed; retrying shortly", self.name)
            self.put_off = True
        finally:
            if not self._abandoned:
                self._sender.ended(self)

    def _send_all(self) -> None:
        try:
            while not self.stopping:
                self.work.clear()
                while self._sender.send(self):
                    pass
                if self.put_off or self._sender.ending or not self.work.wait(LINGER_S):
                    return
        finally:
            with self._store_lock:
                if not self._abandoned and not self.put_off:
                    self._sender.release(self.name)


class _Abandoned(BaseException):
    """The process is ending: leave everything as it is."""
