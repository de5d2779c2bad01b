"""Visits to the page of a service: make a link, open it once, recognise the session behind a cookie, end it.

A link is a secret that a shop hands to a client. Opening it within a minute starts a session in that browser, which
sees one service and ends after half an hour without use, after half a day, or with the service.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine import audit
from engine.actions.permission import needs
from engine.audit import Actor
from engine.clock import Moment, now_ms
from engine.errors import Refused
from engine.queries.scoping import need_service
from engine.roles import Role
from engine.scope import Scope
from engine.store.database import in_transaction, session
from engine.store.models import ClientSession, Service

LINK_MS = 60_000
IDLE_MS = 30 * 60_000
LONGEST_MS = 12 * 3_600_000  # however much it is used
_SEEN_KEPT_MS = 60_000
_ENDED = ("Terminated", "Cancelled")


@dataclass(frozen=True, slots=True, repr=False)
class NewLink:
    """A link's secret, which is shown this once, and until when it can be opened."""

    secret: str
    expires_at: Moment


class Unopened(StrEnum):
    """Why a link does not open."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"
    ENDED = "ended"


class LinkRefused(Refused):
    """A link that does not open; `why` says why."""

    def __init__(self, why: Unopened) -> None:
        super().__init__(f"The link is {why}. Ask for a new one from the site that gave you this one.")
        self.why = why


@dataclass(frozen=True, slots=True, repr=False)
class Visit:
    """An open session: whose page it shows, and whether anything may be changed on it."""

    id: int
    service_id: int
    view: bool
    language: str  # chosen on the page; empty: the client's
    csrf: str  # what its forms carry
    actor: Actor


@needs(Role.SUPPORT, "make a link to a client's page")
def create_link(actor: Actor, service_id: int, view: bool = False) -> NewLink:
    """Make a link to the page of a service that opens once, within a minute.

    With `view`, the page is as the client sees it, and changes nothing.
    """
    secret, now = secrets.token_urlsafe(32), now_ms()

    def work() -> NewLink:
        need_service(actor.scope, service_id)
        service = Service.get_by_id(service_id)
        if service.status in _ENDED:
            raise Refused(f"Service {service_id} is {service.status}; it no longer has a client page.")
        row = ClientSession.create(
            service=service_id,
            view=view,
            link=_digest(secret),
            created_at=now,
            created_by=actor.login,
            expires_at=now + LINK_MS,
        )
        about = {"session": row.id, "view": view}
        audit.record(actor, "client-link", "service", str(service_id), "", before={}, after=about)
        return NewLink(secret, row.expires_at)

    return in_transaction(work)


def enter(presented: str, address: str) -> tuple[Visit, str]:
    """Open a link: the session it starts, and the secret for its cookie. LinkRefused when it does not open."""
    secret, now = secrets.token_urlsafe(32), now_ms()

    def work() -> tuple[Visit, str] | Unopened:
        row = ClientSession.get_or_none(ClientSession.link == _digest(presented))
        if row is None:
            return Unopened.UNKNOWN
        changes = {
            "cookie": _digest(secret),
            "entered_at": now,
            "seen_at": now,
            "expires_at": now + IDLE_MS,
            "address": address,
        }
        unused = ClientSession.entered_at.is_null() & ClientSession.ended_at.is_null()
        mine = (ClientSession.id == row.id) & unused & (ClientSession.expires_at > now)
        if row.service.status in _ENDED or row.ended_at is not None:
            return Unopened.ENDED
        if not ClientSession.update(changes).where(mine).execute():
            late = row.entered_at is None and row.expires_at <= now
            return Unopened.EXPIRED if late else Unopened.USED
        visit = _visit(row, secret, address)
        name = str(row.service_id)
        audit.record(visit.actor, "client-enter", "service", name, "", before={}, after={"session": row.id})
        return visit, secret

    found = in_transaction(work)
    if isinstance(found, Unopened):
        raise LinkRefused(found)
    return found


def visit_of(cookie: str, address: str, *, used: bool = True) -> Visit | None:
    """The open session behind a cookie; None when there is none. `used`: it begins its idle time again."""
    if not cookie:
        return None
    digest, now = _digest(cookie), now_ms()
    with session():
        row = ClientSession.get_or_none(ClientSession.cookie == digest)
        if row is None or not _open(row, now):
            return None
        visit = _visit(row, cookie, address)
    if used and now - row.seen_at >= _SEEN_KEPT_MS:
        in_transaction(
            lambda: (
                ClientSession.update(seen_at=now, expires_at=min(now + IDLE_MS, row.entered_at + LONGEST_MS))
                .where(ClientSession.id == row.id, ClientSession.ended_at.is_null())
                .execute()
            )
        )
    return visit


def leave(visit: Visit) -> None:
    """End a session."""
    _change(visit, ended_at=now_ms())


def speak(visit: Visit, language: str) -> None:
    """Keep the language that was chosen on the page."""
    _change(visit, language=language)


def end_of_creator(login: str) -> None:
    """End every link and session that somebody made. Inside a transaction."""
    mine = (ClientSession.created_by == login) & ClientSession.ended_at.is_null()
    ClientSession.update(ended_at=now_ms()).where(mine).execute()


def _change(visit: Visit, **values: Any) -> None:
    in_transaction(ClientSession.update(**values).where(ClientSession.id == visit.id).execute)


def _open(row: ClientSession, now: int) -> bool:
    late = row.expires_at <= now or row.entered_at + LONGEST_MS <= now
    return not late and row.ended_at is None and row.service.status not in _ENDED


def _visit(row: ClientSession, secret: str, address: str) -> Visit:
    actor = Actor(
        login=f"client:{row.service_id}",
        ssh_client=address,
        source="client",
        reason=f"client's page, opened by {row.created_by}",
        role=Role.VIEWER if row.view else Role.OPERATOR,
        scope=Scope(services=frozenset({row.service_id})),
        token_id=-row.id,  # its own range of Idempotency-Keys
    )
    return Visit(row.id, row.service_id, row.view, row.language, _csrf(secret), actor)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _csrf(secret: str) -> str:
    return hmac.new(secret.encode("utf-8", "replace"), b"csrf", hashlib.sha256).hexdigest()
