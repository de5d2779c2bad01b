"""Who sends which row of the outbox, and what is known about how it ended.

A row that is being sent carries the end of its lease in `due_at`; that and the count of attempts are the fence: whoever
lost the row finds it changed and writes nothing. `sent_at` of a row that is being sent is the moment from which on the
server may have the whole mail. Until then a lease that ran out means that nothing was sent, and the row is sent by
somebody else. From then on nobody knows without asking the server, so it is never sent again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.clock import now_ms
from engine.redact import redact
from engine.store.database import in_transaction, is_postgres, session
from engine.store.models import Outbox
from engine.work import events

LEASE_MS = 180_000  # longer than a mail server may take to refuse to answer
ENDING_MS = 300_000  # from the last byte on
KEPT_MS = 7 * 86_400_000  # what a mail says is kept for so long, whatever becomes of it
MOST_TRIES = 28  # with the pauses below: about a day
_PAUSES_MIN = (1, 2, 5, 10, 20, 40)
_LONGEST_MIN = 60
UNKNOWN = (
    "It is not known whether the mail server accepted it: {why}. Look for Message-ID <{uid}@…> in its log; "
    "`kvmtui mail retry {id}` sends it again."
)


class ClaimLost(Exception):
    """Another engine took this mail over: stop and send nothing."""


@dataclass(slots=True)
class MailClaim:
    """The right to send one mail; `lease` moves on when the mail is handed over."""

    row: Outbox
    attempt: int
    lease: int

    @property
    def mine(self) -> Any:
        """The condition of every write."""
        return (Outbox.id == self.row.id) & (Outbox.attempts == self.attempt) & (Outbox.due_at == self.lease)


def claim() -> MailClaim | None:
    """Take the mail that is due longest, or None."""
    with session():
        if not Outbox.select().where(_due(now_ms())).exists():
            return None  # no write lock for an empty look
    return in_transaction(_take)


def _due(now: int) -> Any:
    unsent = (Outbox.state == "pending") | ((Outbox.state == "sending") & Outbox.sent_at.is_null())
    return unsent & (Outbox.due_at <= now)


def _take() -> MailClaim | None:
    now = now_ms()
    query = Outbox.select().where(_due(now)).order_by(Outbox.due_at, Outbox.id).limit(1)
    if is_postgres():
        query = query.for_update(skip_locked=True)
    row = query.first()
    if row is None:
        return None
    claimed = MailClaim(row, row.attempts + 1, now + LEASE_MS)
    _write(Outbox.id == row.id, state="sending", attempts=claimed.attempt, due_at=claimed.lease)
    return claimed


def next_due() -> int | None:
    """When the next mail is to be looked at, in epoch milliseconds."""
    with session():
        waiting = Outbox.state.in_(("pending", "sending"))
        return Outbox.select(fn.MIN(Outbox.due_at)).where(waiting).scalar()


def hand_over(claimed: MailClaim) -> None:
    """Commit that the server is about to have the whole mail, or raise ClaimLost: then it must not get it."""
    now = now_ms()
    if not in_transaction(lambda: _write(claimed.mine, sent_at=now, due_at=now + ENDING_MS)):
        raise ClaimLost
    claimed.lease = now + ENDING_MS


def sent(claimed: MailClaim, said: str) -> None:
    """The server took it: nothing of what it says is kept. It is the truth even after the lease ran out."""

    def work() -> None:
        done = {"state": "sent", "sent_at": now_ms(), "context": "", "error": ""}
        if _write(claimed.mine, **done):
            _log_line(claimed.row, f"sent ({said})", "success")

    in_transaction(work)


def put_back(claimed: MailClaim, why: str) -> None:
    """Nothing was wrong with the mail itself: it is due again, and the attempt does not count."""
    as_it_was = {"state": "pending", "attempts": claimed.attempt - 1, "due_at": now_ms(), "sent_at": None}
    in_transaction(lambda: _write(claimed.mine, error=redact(why), **as_it_was))


def later(claimed: MailClaim, why: str) -> None:
    """Refused this time: try again after a pause that grows, and give up after about a day."""
    if claimed.attempt >= MOST_TRIES:
        return failed(claimed, f"given up after {claimed.attempt} attempts: {why}")
    minutes = pause_minutes(claimed.attempt)

    def work() -> None:
        again = {"state": "pending", "due_at": now_ms() + minutes * 60_000, "sent_at": None}
        if _write(claimed.mine, error=redact(why), **again):
            _log_line(claimed.row, f"not accepted yet; retrying in {minutes} min: {why}", "waiting")

    return in_transaction(work)


def pause_minutes(attempt: int) -> int:
    """How long to wait after that many attempts."""
    return _PAUSES_MIN[attempt - 1] if attempt <= len(_PAUSES_MIN) else _LONGEST_MIN


def failed(claimed: MailClaim, why: str) -> None:
    """Refused for good, in the server's words."""

    def work() -> None:
        if _write(claimed.mine, state="failed", sent_at=None, error=redact(why)):
            _log_line(claimed.row, f"failed: {why}", "error")

    in_transaction(work)


def unknown(claimed: MailClaim, why: str) -> None:
    """The end of it is not known: it stays for an operator, with `sent_at` telling when."""
    in_transaction(lambda: _note_unknown(claimed.row, claimed.mine, why))


def settle_ended_leases() -> int:
    """Mails that were being handed over by an engine that is gone: their end is not known. Returns how many."""

    ended = (Outbox.state == "sending") & Outbox.sent_at.is_null(False) & (Outbox.due_at <= now_ms())
    with session():
        if not Outbox.select().where(ended).exists():
            return 0

    def work() -> int:
        rows = list(Outbox.select().where(ended))
        for row in rows:
            same = (Outbox.id == row.id) & (Outbox.due_at == row.due_at) & (Outbox.state == "sending")
            _note_unknown(row, same, "the program that sent it ended at that moment")
        return len(rows)

    return in_transaction(work)


def forget_old() -> int:
    """Wipe what old mails say; returns how many. They can no longer be sent; those that still waited have failed."""
    idle = Outbox.state.in_(("pending", "failed"))
    old = idle & (Outbox.context != "") & (Outbox.created_at < now_ms() - KEPT_MS)
    with session():
        if not Outbox.select().where(old).exists():
            return 0

    def work() -> int:
        waited = list(Outbox.select().where(old & (Outbox.state == "pending")))
        count = _write(old, state="failed", context="")
        for row in waited:
            why = f"given up after {KEPT_MS // 86_400_000} days without a mail server that accepted it. {row.error}"
            _write(Outbox.id == row.id, error=why.strip())
            _log_line(row, f"failed: {why.strip()}", "error")
        return count

    return in_transaction(work)


def _note_unknown(row: Outbox, condition: Any, why: str) -> None:
    sentence = UNKNOWN.format(why=why, uid=row.uid, id=row.id)
    if _write(condition, state="failed", error=redact(sentence)):
        _log_line(row, sentence, "error")


def _write(condition: Any, **changes: Any) -> int:
    return int(Outbox.update(changes).where(condition).execute())


def _log_line(row: Outbox, what: str, level: str) -> None:
    service = row.vm.service_id if row.vm is not None else None
    about = f"sid:{service} " if service is not None else ""
    text = f"[mail] {about}'{row.template}' to {row.recipient}: {what}"
    events.publish("mail", text, level=level, vm=row.vm_id, service=service, data={"mail": row.id})
