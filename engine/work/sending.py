"""What everything that sends to a remote server shares: the thread that looks for due work, and one row per server.

A `Destination` row is a server's lease (one sender at a time, among all processes) and its outage: since when it fails,
why, and when it is tried again. All times in it are the database's, so clocks of hosts may differ. A lease is renewed
before each batch, and a batch has a deadline below the lease: whoever still sends still holds it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from peewee import Case, fn

from engine.redact import redact
from engine.store.database import in_transaction, now_expression, session
from engine.store.models import Destination
from engine.work import wake

log = logging.getLogger(__name__)
AFTER_A_FAULT_S = 5.0
SLOW_MS = 3_000  # a server that has not answered for this long is not waited for

# --- destinations ---


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How a destination stands: failed attempts in a row, why, and the milliseconds until the next attempt."""

    failures: int = 0
    error: str = ""
    wait_ms: int = 0
    slow: bool = False

    @property
    def silent(self) -> bool:
        """Whether waiting for an answer makes no sense now."""
        return self.failures > 0 or self.slow


def states(names: Iterable[str]) -> dict[str, DestinationState]:
    """How these destinations stand; one that was never used stands well."""
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
        taken = (
            Destination.update(owner=owner, until=now + lease_ms, attempt_at=now)
            .where(Destination.name == name, free)
            .execute()
        )
        if not taken and not Destination.select().where(Destination.name == name).exists():
            Destination.insert(name=name).on_conflict_ignore().execute()
            return work()
        return bool(taken)

    return in_transaction(work)


def unfinished(name: str) -> bool:
    """Whether the end of the last batch for a destination was never recorded: nobody knows what arrived."""
    busy = (Destination.name == name) & (Destination.attempt_at > 0)
    return Destination.select().where(busy).exists()


def release(name: str, owner: str) -> None:
    """Give a lease up; a successor can have it at once."""
    mine = (Destination.name == name) & (Destination.owner == owner)
    in_transaction(lambda: Destination.update(owner="", until=0, attempt_at=0).where(mine).execute())


def answered(name: str) -> bool:
    """The destination answered: the batch is over. True when this ends an outage. Call it inside a transaction."""
    same = Destination.name == name
    ended = Destination.update(failures=0, error="", retry_at=0, failing_since=None, attempt_at=0)
    if ended.where(same, Destination.failures > 0).execute():
        return True
    Destination.update(attempt_at=0).where(same, Destination.attempt_at > 0).execute()
    return False


def failed(name: str, error: str, pauses_s: Sequence[float]) -> bool:
    """The destination gave no answer: it is left alone for a pause that grows. True when an outage begins."""

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
        ).where(Destination.name == name).execute()
        return bool(row.failures == 0)

    return in_transaction(work)


def retry_now(names: Iterable[str]) -> None:
    """Try destinations again at once instead of after their pause. Call it inside a transaction."""
    Destination.update(retry_at=0).where(
        Destination.name.in_(list(names)), Destination.failures > 0
    ).execute()


# --- the thread ---


class Loop:
    """A thread that calls `look` when its bell rings or the time comes that `look` returned.

    `look` does what is due and returns the seconds until the next call. An exception in it is logged, and it is called
    again after a few seconds.
    """

    def __init__(self, bell: str, look: Callable[[], float]) -> None:
        self.stopping = threading.Event()
        self._bell = bell
        self._look = look
        self._last_round = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, once however often it is called."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"engine-{self._bell}", daemon=True)
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
        wake.ring_here(self._bell)
        if self._thread is not None:
            self._thread.join(within)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        listener = wake.Listener(self._bell)
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
            return self._look()
        except Exception:
            log.exception("The queue of %s could not be read; retrying shortly", self._bell)
            return AFTER_A_FAULT_S
