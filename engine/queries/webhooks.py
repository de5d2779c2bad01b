"""Endpoints and their messages as values. Secrets are in none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from peewee import fn

from engine.actions.lookup import found
from engine.audit import Actor
from engine.clock import Moment
from engine.queries.scoping import inside
from engine.store.database import session
from engine.store.models import Destination, Webhook, WebhookDelivery

STATES = ("pending", "sent", "failed")


@dataclass(frozen=True, slots=True)
class WebhookView:
    """An endpoint: which events it gets, its state, and what waits for it."""

    id: int
    url: str
    events: tuple[str, ...]
    allow_private: bool
    state: str  # enabled, paused
    why: str
    failing_since: Moment | None
    pending: int
    failed: int
    created_at: Moment
    created_by: str
    last_sent: Moment | None
    """When it took a message last."""


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A message for an endpoint."""

    id: int
    webhook: int
    message_id: str
    type: str
    service_id: int | None
    state: str  # pending, sent, failed
    attempts: int
    status: int | None
    error: str
    created_at: Moment
    due_at: Moment | None
    sent_at: Moment | None
    body: str


def webhook_condition(actor: Actor) -> Any:
    """The condition of the endpoints an actor may see: with limits, those the same token created; None: every one."""
    return Webhook.created_by == actor.login if actor.scope.limited else None


def webhooks(actor: Actor | None = None) -> list[WebhookView]:
    """The endpoints an actor may see, or every one, by number."""
    with session():
        condition = None if actor is None else webhook_condition(actor)
        rows = list(inside(Webhook.select().order_by(Webhook.id), condition))
        counts, sent = _counts(), _last_sent()
        names = [f"webhook:{row.id}" for row in rows]
        query = Destination.select().where(Destination.name.in_(names))
        failing = {row.name: row.failing_since for row in query}
        return [_view(row, counts, failing.get(f"webhook:{row.id}"), sent.get(row.id)) for row in rows]


def deliveries(
    webhook: int,
    state: str = "",
    limit: int = 100,
    actor: Actor | None = None,
    beyond: int | None = None,
    words: str = "",
    *,
    oldest_first: bool = False,
) -> list[DeliveryView]:
    """The newest messages of an endpoint first, of one state or of all, or those that follow number `beyond`.

    Each of `words` is in a message's event, error or body. Refused when the actor may not see the endpoint.
    """
    with session():
        condition = None if actor is None else webhook_condition(actor)
        found(Webhook, Webhook.id == webhook, f"webhook {webhook}", condition)
        query = WebhookDelivery.select().where(WebhookDelivery.webhook == webhook)
        if state:
            query = query.where(WebhookDelivery.state == state)
        for word in words.split():
            texts = (WebhookDelivery.type, WebhookDelivery.error, WebhookDelivery.body)
            query = query.where(reduce(or_, (text.contains(word) for text in texts)))
        number = WebhookDelivery.id
        if beyond is not None:
            query = query.where(number > beyond if oldest_first else number < beyond)
        order = number.asc() if oldest_first else number.desc()
        return [delivery_view(row) for row in query.order_by(order).limit(limit)]


def paused() -> list[WebhookView]:
    """The endpoints that get nothing until an operator resumes them."""
    return [each for each in webhooks() if each.state == "paused"]


def _counts() -> dict[tuple[int, str], int]:
    query: Any = WebhookDelivery.select(
        WebhookDelivery.webhook, WebhookDelivery.state, fn.COUNT(WebhookDelivery.id)
    ).group_by(WebhookDelivery.webhook, WebhookDelivery.state)
    return {(number, state): count for number, state, count in query.tuples()}


def _last_sent() -> dict[int, int]:
    query: Any = WebhookDelivery.select(WebhookDelivery.webhook, fn.MAX(WebhookDelivery.sent_at))
    return dict(query.where(WebhookDelivery.state == "sent").group_by(WebhookDelivery.webhook).tuples())


def _view(
    row: Webhook, counts: dict[tuple[int, str], int], failing: int | None, sent: int | None
) -> WebhookView:
    return WebhookView(
        id=row.id,
        url=row.url,
        events=tuple(row.events),
        allow_private=row.allow_private,
        state=row.state,
        why=row.why,
        failing_since=failing,
        pending=counts.get((row.id, "pending"), 0),
        failed=counts.get((row.id, "failed"), 0),
        created_at=row.created_at,
        created_by=row.created_by,
        last_sent=sent,
    )


def delivery_view(row: WebhookDelivery) -> DeliveryView:
    """A message's row as a view."""
    return DeliveryView(
        id=row.id,
        webhook=row.webhook_id,
        message_id=row.uid,
        type=row.type,
        service_id=row.service,
        state=row.state,
        attempts=row.attempts,
        status=row.status,
        error=row.error,
        created_at=row.created_at,
        due_at=(row.due_at or row.created_at) if row.state == "pending" else None,
        sent_at=row.sent_at,
        body=row.body,
    )
