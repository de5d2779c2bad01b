"""One look at the outbox: sends what is due over one connection, and remembers how the server behaved.

A fault of one mail is that mail's: it waits, or it failed. A fault of the server is everybody's: nothing is tried for a
while, and the mails wait without being counted as tried.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.mail import claims
from engine.mail.claims import ClaimLost, MailClaim
from engine.mail.message import Envelope, envelope
from engine.mail.outbox import unsealed
from engine.mail.rendering import write_letter
from engine.mail.smtp import MailErrorKind, MailFault, SmtpConnection
from engine.store import settings
from engine.store.settings import Smtp
from engine.work import events

log = logging.getLogger(__name__)
IDLE_S = 30.0
_PAUSES_S = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
_LONGEST_S = 300.0
_SWEEP_S = 3600.0


class Round:
    """Sends mail after mail over one connection, and remembers how the server behaved."""

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        self.handed_over = False  # between the last line of a mail and the note of what the server said
        self._stopping = stopping
        self._settings: Smtp | None = None
        self._failures = 0
        self._quiet_until = 0.0  # on the process's own clock: a step of the host's changes no pause
        self._swept_at: float | None = None

    def send_due(self) -> float:
        """Send everything that is due; returns the seconds until the next check."""
        self._sweep()
        site = settings.read(Smtp)
        if site != self._settings:
            self._settings, self._failures, self._quiet_until = site, 0, 0.0
        if not site.host:
            return IDLE_S
        if self._quiet_until <= time.monotonic():
            self._send_all(site)
        return self._pause()

    def _send_all(self, site: Smtp) -> None:
        connection = SmtpConnection(site)
        try:
            while not self._stopping() and (claimed := claims.claim()) is not None:
                if not self._send(claimed, site, connection):
                    break
        finally:
            connection.close()

    def _send(self, claimed: MailClaim, site: Smtp, connection: SmtpConnection) -> bool:
        """Send one claimed mail; False when the server is not to be bothered with more."""
        prepared = _prepared(claimed, site)
        if prepared is None:
            return True
        try:
            said = connection.deliver(prepared, lambda: self._hand_over(claimed))
            claims.sent(claimed, said)
        except MailFault as fault:
            return self._fault(claimed, fault)
        except ClaimLost:
            log.info("Mail %s was taken over by another engine; nothing was sent", claimed.row.id)
            return True
        finally:
            self.handed_over = False
        self._went_well(site)
        return True

    def _hand_over(self, claimed: MailClaim) -> None:
        claims.hand_over(claimed)
        self.handed_over = True

    def _fault(self, claimed: MailClaim, fault: MailFault) -> bool:
        if fault.kind is MailErrorKind.SERVER:
            claims.put_back(claimed, fault.sentence)
            self._failed(fault.sentence)
            return False
        ends = {
            MailErrorKind.LATER: claims.later,
            MailErrorKind.NEVER: claims.failed,
            MailErrorKind.UNKNOWN: claims.unknown,
        }
        ends[fault.kind](claimed, fault.sentence)
        return True

    def _failed(self, sentence: str) -> None:
        """Leave the server alone for a while that grows; said once per outage."""
        pause = _PAUSES_S[self._failures] if self._failures < len(_PAUSES_S) else _LONGEST_S
        self._quiet_until = time.monotonic() + pause
        self._failures += 1
        if self._failures == 1:
            events.announce("alert", f"[mail] mails wait: {sentence}", level="error")

    def _went_well(self, site: Smtp) -> None:
        if self._failures:
            events.announce("alert", f"[mail] {site.host} accepts mails again", level="success")
        self._failures, self._quiet_until = 0, 0.0

    def _pause(self) -> float:
        due = claims.next_due()
        if due is None:
            return IDLE_S
        return min(IDLE_S, max(0.05, (due - now_ms()) / 1000, self._quiet_until - time.monotonic()))

    def _sweep(self) -> None:
        """What engines that are gone left behind, and what has been kept long enough."""
        claims.settle_ended_leases()
        now = time.monotonic()
        if self._swept_at is None or now - self._swept_at > _SWEEP_S:
            self._swept_at = now
            claims.forget_old()


def _prepared(claimed: MailClaim, site: Smtp) -> Envelope | None:
    """The mail as it goes over the wire; one that cannot be written has failed, and the others continue."""
    row = claimed.row
    try:
        facts = unsealed(row)
        letter = write_letter(row.template, row.language, facts)
        made = envelope(letter, row.uid, site.sender, row.recipient, str(facts.get("client") or ""))
    except KvmtuiError as error:
        claims.failed(claimed, error.sentence)
        return None
    except Exception as error:
        log.exception("Mail %s could not be written", row.id)
        claims.failed(claimed, f"internal error ({type(error).__name__}); see the log file")
        return None
    for note in letter.notes:
        events.announce("mail", f"[mail] {note}", level="waiting", vm=row.vm_id)
    return made
