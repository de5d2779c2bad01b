"""Sends queued DNS changes: one sender per provider server, in one of the processes that run an engine.

A server's sender reads the zones from the database at the time of sending, and does all that is due in a zone with one
read and one write. A server that does not answer delays its own zones only.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
from engine.work import events, sending
from engine.work.sending import LEASE_MS, DestinationSender, DestinationThread

log = logging.getLogger(__name__)
CHANNEL = "dns"
TIMING = Timing(connect=5.0, read=10.0, total=45.0)  # the deadline of a batch, below the lease
PAUSES_S = (5.0, 10.0, 20.0, 40.0, 60.0)  # a server that does not answer, or is busy
SLOW_PAUSES_S = (30.0, 60.0, 300.0, 900.0, 3600.0)  # what a person has to put right first
CHECK_AGAIN_S = 10.0  # for so long a change sent before an outage may reach the server after it


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


class DnsSender(DestinationSender):
    """Sends the changes that are due, one thread per provider server; see DestinationSender."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        super().__init__(CHANNEL, self._settings.lease_ms)

    def waits(self) -> Mapping[str, float]:
        """The servers with work, and the seconds until it is due."""
        with session():
            due = ledger.due_zones()
            if not due:
                return {}
            servers = zones_by_server(due).items()
            waits = {key: min(due[zone_id] for zone_id in zone_ids) / 1000 for key, zone_ids in servers}
            states = sending.states(waits)
            return {key: max(wait, states[key].wait_ms / 1000) for key, wait in waits.items()}

    def send(self, destination: DestinationThread) -> bool:
        """One batch in each zone of a server that has due work."""
        return _Server(destination, self._settings).send_due()


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
    """Sends what is due at one server, under its lease."""

    def __init__(self, destination: DestinationThread, settings: Settings) -> None:
        self.key = destination.name
        self._destination = destination
        self._settings = settings
        self._store = destination.store

    def send_due(self) -> bool:
        """One batch in each zone that has due work; True when there may be more."""
        with self._store():
            zones = self._due_zones()
        for zone_id in zones:
            if self._destination.stopping or not self._destination.hold() or not self._zone(zone_id):
                return False
        return bool(zones)

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
                changes = ledger.claim(work, plan.writes, self._destination.check)
            return plan, provider.apply(changes)
        finally:
            provider.close()

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
            self._destination.check()
            silent = bool(results) and all(each.down for each in results)
            back = not silent and sending.answered(self.key)
            again_s = self._settings.check_again_s
            settled = ledger.settle(outcomes, again_s if sending.unsure(self.key, again_s) else 0.0)
            if silent:
                return
            if row.last_error:
                good = {"last_error": "", "last_ok_at": now_ms()}
                Zone.update(good).where(Zone.id == row.id).execute()
            if back or row.last_error:
                _alert(f"{label} accepts changes again.", "success")
            for each in settled.retried:
                _log_line(each, f"{answers.done_line(each, row)} (retried)")

        in_transaction(write)


def _alert(text: str, level: str) -> None:
    events.publish("alert", f"[dns] {text}", level=level)


def _log_line(row: DnsRecord, line: str) -> None:
    """The event of a record that failed at first."""
    service = row.vm.service_id if row.vm is not None else None
    about = f"sid:{service} " if service is not None else ""
    events.publish("dns", f"[dns] {about}{line}", level="success", vm=row.vm_id, service=service)
