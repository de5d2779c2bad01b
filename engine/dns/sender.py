"""Sends queued DNS changes: one sender per provider server, in one of the processes that run an engine.

A server's sender reads the zones from the database at the time of sending, and does all that is due in a zone with one
read and one write. A server that does not answer delays its own zones only.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.clock import now_ms
from engine.dns import answers, configured_zones, ledger
from engine.dns.errors import DnsErrorKind, ProviderError, retrying
from engine.dns.ledger import Work
from engine.dns.ledger_updates import outcomes_of
from engine.dns.plan import ZonePlan, make_plan
from engine.dns.provider import ChangeResult, Timing
from engine.errors import KvmtuiError
from engine.redact import redact
from engine.store.database import in_transaction, session
from engine.store.models import DnsRecord, Zone
from engine.work import events, sending, wake

log = logging.getLogger(__name__)
BELL = "dns"
LEASE_MS = 60_000
TIMING = Timing(connect=5.0, read=10.0, total=45.0)  # the deadline of a batch, below the lease
PAUSES_S = (5.0, 10.0, 20.0, 40.0, 60.0)  # a server that does not answer, or is busy
SLOW_PAUSES_S = (30.0, 60.0, 300.0, 900.0, 3600.0)  # what a person has to put right first
CHECK_AGAIN_S = 10.0  # a change sent before an outage may reach the server after it
LINGER_S = 1.0  # how long a sender keeps its lease without work
_IDLE_S = 30.0
_HELD_ELSEWHERE_S = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Times of a sender; tests shorten them."""

    timing: Timing = TIMING
    lease_ms: int = LEASE_MS
    pauses_s: tuple[float, ...] = PAUSES_S
    slow_pauses_s: tuple[float, ...] = SLOW_PAUSES_S
    check_again_s: float = CHECK_AGAIN_S

    def pause(self, kind: DnsErrorKind | None, attempts: int) -> float:
        """Seconds until a refused change is tried again."""
        pauses = self.pauses_s if kind in (DnsErrorKind.TRANSIENT, None) else self.slow_pauses_s
        return pauses[min(attempts, len(pauses) - 1)]


class DnsSender:
    """Start it with the engine, stop it with the engine. Several processes share one queue."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._me = f"{socket.gethostname()}:{uuid.uuid4().hex[:8]}"
        self._loop = sending.Loop(BELL, self._look)
        self._servers: dict[str, _Server] = {}
        self._not_before: dict[str, float] = {}
        self._guard = threading.Lock()
        self._ending = threading.Event()

    def start(self) -> None:
        """Begin to send."""
        self._loop.start()

    def finish(self, within: float) -> bool:
        """Send what is due now, then end; True when that was done in time. A server that fails ends the wait for it."""
        end = time.monotonic() + within
        self._ending.set()
        return self._loop.finish(within) and all(
            server.join(max(0.0, end - time.monotonic())) for server in self._active()
        )

    def stop(self, within: float) -> bool:
        """End after the batches that are being answered; True when the queue is no longer read. A server that is silent
        is not waited for: its rows are still due, and its lease ends by itself.
        """
        end = time.monotonic() + min(within, LINGER_S)
        self._ending.set()
        ended = self._loop.stop(within)
        active = self._active()
        for server in active:
            server.work.set()
        for server in active:
            if not server.join(max(0.0, end - time.monotonic())):
                server.abandon()
        return ended

    def _active(self) -> list[_Server]:
        with self._guard:
            return list(self._servers.values())

    def _look(self) -> float:
        """Start a sender for each server with due work; returns the seconds until the next check."""
        waits = self._waits()
        pause = _IDLE_S
        for key, wait in waits.items():
            if wait > 0:
                pause = min(pause, wait)
            else:
                self._serve(key)
        return max(0.05, pause)

    def _waits(self) -> dict[str, float]:
        """The servers with work, and the seconds until it is due."""
        with session():
            due = ledger.due_zones()
            if not due:
                return {}
            waits: dict[str, float] = {}
            for key, zone_ids in zones_by_server(due).items():
                waits[key] = min(due[zone_id] for zone_id in zone_ids) / 1000
            for key, state in sending.states(waits).items():
                elsewhere = self._not_before.get(key, 0.0) - time.monotonic()
                waits[key] = max(waits[key], state.wait_ms / 1000, elsewhere)
        return waits

    def _serve(self, key: str) -> None:
        with self._guard:
            server = self._servers.get(key)
            if server is None:
                server = self._servers[key] = _Server(key, self._me, self._settings, self)
                server.start()
            server.work.set()

    @property
    def stopping(self) -> bool:
        """Whether no further batch begins."""
        return self._loop.stopping.is_set()

    @property
    def ending(self) -> bool:
        """Whether what is due now is the last that is sent."""
        return self._ending.is_set()

    def ended(self, server: _Server) -> None:
        """A server has nothing more to send; it is started again when it has."""
        with self._guard:
            self._servers.pop(server.key, None)
            if server.held_elsewhere:
                self._not_before[server.key] = time.monotonic() + _HELD_ELSEWHERE_S
        wake.ring_here(BELL)


def zones_by_server(zone_ids: Iterable[int]) -> dict[str, list[int]]:
    """These zones by the destination name of their server; a zone of an unknown provider is left out."""
    found: dict[str, list[int]] = defaultdict(list)
    for row in Zone.select().where(Zone.id.in_(list(zone_ids))).order_by(Zone.id):
        try:
            found[destination_of(row)].append(row.id)
        except KvmtuiError as error:
            log.warning("%s", error.sentence)
    return dict(found)


def destination_of(row: Zone) -> str:
    """The name of the server's row among the destinations."""
    return f"dns:{configured_zones.public_form_of(row).server_key}"


class _Server:
    """Sends everything that is due at one server, under its lease."""

    def __init__(self, key: str, owner: str, settings: Settings, sender: DnsSender) -> None:
        self.key = key
        self.work = threading.Event()
        self.held_elsewhere = False
        self._doubtful = False  # the end of the batch before is not known
        self._owner = owner
        self._settings = settings
        self._sender = sender
        self._abandoned = False
        self._store_lock = (
            threading.RLock()
        )  # held while the store is used: after `abandon` it is not touched any more
        self._thread = threading.Thread(target=self._run, name=f"engine-{key}", daemon=True)

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

    def _run(self) -> None:
        try:
            self._send_all()
        except _Abandoned:
            return
        except Exception:
            log.exception("Sending DNS changes to %s failed; retrying shortly", self.key)
            self.held_elsewhere = True
        finally:
            if not self._abandoned:
                self._sender.ended(self)

    def _send_all(self) -> None:
        """Work until nothing is due, then wait a moment for more before the lease is given up."""
        try:
            while not self._sender.stopping:
                self.work.clear()
                while self._pass():
                    pass
                if self.held_elsewhere or self._sender.ending or not self.work.wait(LINGER_S):
                    return
        finally:
            with self._store_lock:
                if not self._abandoned and not self.held_elsewhere:
                    sending.release(self.key, self._owner)

    def _pass(self) -> bool:
        """One batch in each zone that has due work; True when there may be more."""
        worked = False
        with self._store():
            zones = self._due_zones()
        for zone_id in zones:
            if self._sender.stopping:
                return False
            with self._store():
                self._doubtful |= sending.unfinished(self.key)
                if not sending.hold(self.key, self._owner, self._settings.lease_ms):
                    self.held_elsewhere = True
                    return False
            if not self._zone(zone_id):
                return False
            worked = True
        return worked

    def _due_zones(self) -> list[int]:
        due = [zone_id for zone_id, wait in ledger.due_zones().items() if wait <= 0]
        if not due or sending.states([self.key])[self.key].wait_ms > 0:
            return []
        return zones_by_server(due).get(self.key, [])

    def _zone(self, zone_id: int) -> bool:
        """One read and one write for what is due in a zone; False when the server did not answer."""
        with self._store():
            row = Zone.get_or_none(Zone.id == zone_id)
            work = ledger.work_in(zone_id, configured_zones.public_form_of(row).BATCH) if row else None
        if row is None or work is None or not work.due:
            return True
        try:
            plan, results = self._sent(row, work)
        except KvmtuiError as error:
            return self._refused(row, work, error)
        with self._store():
            self._settle(row, work, plan, results)
        answers.announce()
        down = next((each for each in results if each.down), None)
        return down is None or self._server_failed(down.sentence)

    def _sent(self, row: Zone, work: Work) -> tuple[ZonePlan, list[ChangeResult]]:
        """Look, plan, note what is about to be sent, send it."""
        with self._store():
            provider = configured_zones.provider_of(row, self._settings.timing)
        try:
            plan = make_plan(work.wanted, provider.read(work.keys), ledger.entries(work.around))
            with self._store():
                changes = ledger.claim(work, plan.writes)
            return plan, provider.apply(changes)
        finally:
            provider.close()

    def _store(self) -> _Store:
        return _Store(self)

    # --- what became of it ---

    def _refused(self, row: Zone, work: Work, error: KvmtuiError) -> bool:
        """The zone could not be looked at. False when no other zone of the server can be, either."""
        down = isinstance(error, ProviderError) and error.down
        kind = error.kind if isinstance(error, ProviderError) else DnsErrorKind.PERMANENT
        wanted = error.retry_after if isinstance(error, ProviderError) else None

        def write() -> None:
            attempts = max(each.attempts for each in work.due)
            pause = 0.0 if down else max(wanted or 0.0, self._settings.pause(kind, attempts))
            text = retrying(error.sentence) if kind is DnsErrorKind.TRANSIENT else error.sentence
            ledger.put_off(work.due, text, pause)
            if not row.last_error:
                Zone.update(last_error=redact(error.sentence)).where(Zone.id == row.id).execute()
                if not down:
                    label = configured_zones.zone_of(row).label
                    _alert(f"{label}: {error.sentence} Pending changes are retried.", "error")
            if not down:
                sending.answered(self.key)

        with self._store():
            in_transaction(write)
            if down:
                self._server_failed(error.sentence)
        answers.announce()
        return not down

    def _server_failed(self, sentence: str) -> bool:
        """Leave the server alone for a while; said once per outage."""
        with self._store():
            if sending.failed(self.key, sentence, self._settings.pauses_s):
                in_transaction(
                    lambda: _alert(f"{sentence} DNS changes for it are queued and retried.", "error")
                )
        return False

    def _settle(self, row: Zone, work: Work, plan: ZonePlan, results: Sequence[ChangeResult]) -> None:
        outcomes = outcomes_of(work, plan, results, self._settings.pause)
        label = configured_zones.zone_of(row).label

        def write() -> None:
            silent = bool(results) and all(each.down for each in results)
            back = not silent and sending.answered(self.key)
            late = self._settings.check_again_s if back or self._doubtful else 0.0
            settled = ledger.settle(outcomes, late)
            if silent:
                return
            if row.last_error:
                good = {"last_error": "", "last_ok_at": now_ms()}
                Zone.update(good).where(Zone.id == row.id).execute()
            if back or row.last_error:
                _alert(f"{label} takes changes again.", "success")
            for each in settled.retried:
                _tell(each, f"{answers.done_line(each, row)} (retried)")

        in_transaction(write)
        self._doubtful = False


def _alert(text: str, level: str) -> None:
    events.publish("alert", f"[dns] {text}", level=level)


def _tell(row: DnsRecord, line: str) -> None:
    """The event of a record that failed at first."""
    service = row.vm.service_id if row.vm is not None else None
    about = f"sid:{service} " if service is not None else ""
    events.publish("dns", f"[dns] {about}{line}", level="success", vm=row.vm_id, service=service)


class _Store:
    """The store, for a sender that was not abandoned."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._session = session()

    def __enter__(self) -> None:
        self._server._store_lock.acquire()
        if self._server._abandoned:
            self._server._store_lock.release()
            raise _Abandoned
        self._session.__enter__()

    def __exit__(self, *about: object) -> None:
        try:
            self._session.__exit__(*about)  # type: ignore[arg-type]
        finally:
            self._server._store_lock.release()


class _Abandoned(BaseException):
    """The process is ending: leave everything as it is."""
