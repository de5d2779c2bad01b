"""The outbox as values: what waits, what went, what needs an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.clock import Moment, now_ms
from engine.errors import Refused
from engine.store.database import session
from engine.store.models import Outbox, Vm
from engine.store.settings import Smtp, read

LATE_MS = 15 * 60_000  # a mail that waits longer is an alert
STATES = ("pending", "sending", "sent", "failed", "unknown")


@dataclass(frozen=True, slots=True)
class MailView:
    """One mail of the outbox; `unknown` means that the server may have taken it."""

    id: int
    state: str
    template: str
    recipient: str
    language: str
    service_id: int | None
    attempts: int
    error: str
    created_at: Moment
    due_at: Moment | None
    sent_at: Moment | None
    message_id: str


@dataclass(frozen=True, slots=True)
class MailCounts:
    """How many mails are in which state, and whether there is a server to send them."""

    server: str
    pending: int = 0
    sending: int = 0
    sent: int = 0
    failed: int = 0
    unknown: int = 0


def outbox(state: str = "", limit: int = 1000) -> list[MailView]:
    """The newest mails first, of one state or of all."""
    if state and state not in STATES:
        raise Refused(f"Unknown state '{state}'. Use one of: {', '.join(STATES)}.")
    return _views(_in_state(state) if state else None, limit)


def mail_counts() -> MailCounts:
    """How the outbox stands."""
    with session():
        query = Outbox.select(Outbox.state, fn.COUNT(Outbox.id)).where(~_in_state("unknown"))
        rows: Any = query.group_by(Outbox.state).tuples()
        lost = Outbox.select().where(_in_state("unknown")).count()
        return MailCounts(read(Smtp).host, unknown=lost, **dict(rows))


def unsent_mails(limit: int = 20) -> list[MailView]:
    """Mails that need an operator, the newest first: failed ones that can still be sent, and those that wait long."""
    return _views(_unsent(), limit)


def count_unsent() -> int:
    """How many of those there are."""
    with session():
        return int(Outbox.select().where(_unsent()).count())


def _views(condition: Any, limit: int) -> list[MailView]:
    query = Outbox.select(Outbox, Vm.service).left_outer_join(Vm).order_by(Outbox.id.desc()).limit(limit)
    if condition is not None:
        query = query.where(condition)
    with session():
        domain = read(Smtp).sender.rpartition("@")[2]
        return [_view(row, domain) for row in query]


def _unsent() -> Any:
    late = (Outbox.state == "pending") & (Outbox.created_at < now_ms() - LATE_MS)
    return late | ((Outbox.state == "failed") & (Outbox.context != ""))


def _in_state(state: str) -> Any:
    if state == "unknown":
        return (Outbox.state == "failed") & Outbox.sent_at.is_null(False)
    if state == "failed":
        return (Outbox.state == "failed") & Outbox.sent_at.is_null()
    return Outbox.state == state


def _view(row: Outbox, domain: str) -> MailView:
    waits = row.state in ("pending", "sending")
    unknown = row.state == "failed" and row.sent_at is not None
    return MailView(
        id=row.id,
        state="unknown" if unknown else row.state,
        template=row.template,
        recipient=row.recipient,
        language=row.language,
        service_id=row.vm.service_id if row.vm is not None else None,
        attempts=row.attempts,
        error=row.error,
        created_at=row.created_at,
        due_at=row.due_at if waits else None,
        sent_at=row.sent_at if row.state == "sent" else None,
        message_id=f"<{row.uid}@{domain}>" if domain else "",
    )
