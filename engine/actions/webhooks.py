"""Endpoints that receive webhooks: create, delete, pause, resume, test, and send a message again."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.actions.repository import record
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Failed, NotFound, Refused
from engine.queries.webhooks import WebhookView, webhook_condition, webhooks
from engine.roles import Role
from engine.store import secrets
from engine.store.database import in_transaction, now_expression, session
from engine.store.models import ApiToken, Destination, Webhook, WebhookDelivery
from engine.webhooks import queue, sender
from engine.webhooks.address import target
from engine.webhooks.catalog import BY, TEST, TYPES, chosen
from engine.webhooks.post import new_secret
from engine.webhooks.recording import CHANNEL, body, message_id
from engine.work import wake

MOST = 50


@dataclass(frozen=True, slots=True, repr=False)
class NewWebhook:
    """An endpoint with its signing secret, which is shown this once."""

    webhook: WebhookView
    secret: str


@needs(Role.OWNER, "create a webhook")
def create(actor: Actor, url: str, events: Iterable[str] = (), allow_private: bool = False) -> NewWebhook:
    """Tell a URL about these events, or about every one. An endpoint has the limits of the token that created it.

    A token with limits cannot allow private addresses: what it could reach there is not its own.
    """
    if allow_private and actor.scope.limited:
        raise Refused("A token with limits cannot create a webhook at a private address. Ask an owner.")
    wanted, secret = chosen(events), new_secret()
    target(url, allow_private)

    def work() -> NewWebhook:
        if Webhook.select().count() >= MOST:
            raise Refused(f"There are {MOST} webhooks already. Delete one that is not needed.")
        uid = str(uuid.uuid4())
        row = Webhook.create(
            uid=uid,
            url=url,
            events=wanted if len(wanted) < len(TYPES) else [],
            secret=secrets.seal(secret, "webhook", uid, "secret"),
            allow_private=allow_private,
            clients=_ids(actor.scope.clients),
            products=_ids(actor.scope.products),
            created_by=actor.login,
        )
        about = {"url": url, "events": wanted, "allow_private": allow_private}
        record(actor, "create", "webhook", row.id, url, {}, about)
        return NewWebhook(_view(row.id), secret)

    return in_transaction(work)


@needs(Role.OWNER, "read the secret of a webhook")
def secret_of(actor: Actor, webhook: int) -> str:
    """The signing secret of an endpoint in clear, for whoever repeats the request that created it."""
    with session():
        row = _own(actor, webhook)
        return secrets.unseal(row.secret, "webhook", row.uid, "secret")


@needs(Role.OWNER, "delete a webhook")
def delete(actor: Actor, webhook: int) -> None:
    """Delete an endpoint and what waits for it."""

    def work() -> None:
        row = _own(actor, webhook)
        Destination.delete().where(Destination.name == queue.destination(row.id)).execute()
        WebhookDelivery.delete().where(WebhookDelivery.webhook == row.id).execute()
        row.delete_instance()
        record(actor, "delete", "webhook", webhook, row.url, {"url": row.url}, {})

    in_transaction(work)


@needs(Role.OWNER, "resume a webhook")
def resume(actor: Actor, webhook: int) -> str:
    """Send again to an endpoint that was paused, what waits for it first; what was done, as a sentence."""

    def work() -> str:
        row = _own(actor, webhook)
        if row.state == "enabled":
            return f"Webhook {webhook} is not paused."
        if _token_is_revoked(row):
            raise Refused(f"Webhook {webhook} stays paused: {row.why}. Delete it and create another one.")
        Webhook.update(state="enabled", why="").where(Webhook.id == row.id).execute()
        fresh = {"due_at": now_expression(), "tried_at": None, "attempts": 0}
        waiting = (WebhookDelivery.webhook == row.id) & (WebhookDelivery.state == "pending")
        count = WebhookDelivery.update(fresh).where(waiting).execute()
        record(actor, "resume", "webhook", webhook, row.url, {"state": "paused"}, {"state": "enabled"})
        wake.notify(CHANNEL)
        return f"Webhook {webhook} is resumed; {count} {'message waits' if count == 1 else 'messages wait'} for it."

    return in_transaction(work)


@needs(Role.OWNER, "pause a webhook")
def pause(actor: Actor, webhook: int) -> str:
    """Send nothing to an endpoint until it is resumed; its messages wait. What was done, as a sentence."""

    def work() -> str:
        row = _own(actor, webhook)
        if row.state == "paused":
            return f"Webhook {webhook} is already paused ({row.why})."
        changes = {"state": "paused", "why": f"{BY}{actor.login}"}
        Webhook.update(changes).where(Webhook.id == row.id).execute()
        record(actor, "pause", "webhook", webhook, row.url, {"state": "enabled"}, {"state": "paused"})
        return f"Webhook {webhook} is paused. Resume it with: kvmtui webhook resume {webhook}"

    return in_transaction(work)


@needs(Role.OWNER, "test a webhook")
def test(actor: Actor, webhook: int) -> str:
    """Send a test message now, once; returns what the endpoint answered, or fails with its words."""

    def write() -> int:
        row = _own(actor, webhook)
        record(actor, "test", "webhook", webhook, row.url, {}, {})
        made = WebhookDelivery.create(
            uid=message_id(), webhook=row.id, type=TEST, body=body(TEST, {"webhook": row.id}), state="failed"
        )
        return int(made.id)

    number = in_transaction(write)
    with session():
        row = WebhookDelivery.get_by_id(number)
        found_job = queue.job(row)
    answer = sender.send(found_job)
    changes = {"attempts": 1, "status": answer.status, "error": answer.error, "tried_at": now_ms()}
    if answer.good:
        changes |= {"state": "sent", "sent_at": now_ms()}
    in_transaction(lambda: WebhookDelivery.update(changes).where(WebhookDelivery.id == number).execute())
    if not answer.good:
        raise Failed(f"The test message to webhook {webhook} failed: {answer.error}.")
    return f"Webhook {webhook} accepted the test message: HTTP {answer.status}."


@needs(Role.OWNER, "send a webhook message again")
def replay(actor: Actor, delivery: int) -> str:
    """Send a message again, with the same webhook-id; what was done, as a sentence."""

    def work() -> str:
        row = WebhookDelivery.get_or_none(WebhookDelivery.id == delivery)
        if row is None or not _visible(actor, row.webhook):
            raise NotFound(f"Delivery {delivery} not found. List them: kvmtui webhook deliveries ID")
        if row.state == "pending":
            raise Refused(f"Delivery {delivery} is still pending; it is retried automatically.")
        again = {"state": "pending", "attempts": 0, "tried_at": None, "due_at": now_expression(), "error": ""}
        WebhookDelivery.update(again).where(WebhookDelivery.id == delivery).execute()
        before, after = {"state": row.state}, {"state": "pending"}
        record(actor, "replay", "webhook", row.webhook_id, row.webhook.url, before, after)
        wake.notify(CHANNEL)
        return f"Delivery {delivery} ({row.type}) is queued for webhook {row.webhook_id}."

    return in_transaction(work)


def _own(actor: Actor, webhook: int) -> Webhook:
    return found(Webhook, Webhook.id == webhook, f"webhook {webhook}", webhook_condition(actor))


def _token_is_revoked(row: Webhook) -> bool:
    """Its limits are those of its token; without the token the ids in them may come to mean others."""
    name = row.created_by.removeprefix("token:")
    revoked = (ApiToken.name == name) & ApiToken.revoked_at.is_null(False)
    return row.created_by != name and bool(ApiToken.select().where(revoked).exists())


def _visible(actor: Actor, row: Webhook) -> bool:
    condition = webhook_condition(actor)
    return condition is None or row.created_by == actor.login


def _ids(numbers: frozenset[int] | None) -> list[int] | None:
    return None if numbers is None else sorted(numbers)


def _view(number: int) -> WebhookView:
    return next(each for each in webhooks() if each.id == number)
