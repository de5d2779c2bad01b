"""Which message is due at an endpoint, and what became of it. Times are the database's."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.redact import redact
from engine.store import secrets
from engine.store.database import in_transaction, now_expression
from engine.store.models import Webhook, WebhookDelivery
from engine.webhooks import recording
from engine.webhooks.post import WebhookAnswer
from engine.work import events, sending

PAUSES_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0, 24 * 3600.0)
GIVE_UP_MS = 3 * 86_400_000
_SILENT_S = (5.0, 30.0, 60.0, 300.0)  # how long an endpoint without an answer is left alone
_DESTINATION = "webhook:"
GONE = 410  # the endpoint's own word that it wants no more


@dataclass(frozen=True, slots=True, repr=False)
class Job:
    """A message to send now, with all that sending it needs."""

    id: int
    uid: str
    body: str
    webhook: int
    url: str
    secret: str
    allow_private: bool


def destination(webhook: int) -> str:
    """The name of the endpoint's row among the destinations."""
    return f"{_DESTINATION}{webhook}"


def _heads() -> Any:
    """The condition of messages that none of the same service goes before."""
    earlier = WebhookDelivery.alias()
    before = earlier.select(earlier.id).where(
        earlier.webhook == WebhookDelivery.webhook,
        earlier.state == "pending",
        earlier.service == WebhookDelivery.service,
        earlier.id < WebhookDelivery.id,
    )
    return (WebhookDelivery.state == "pending") & ~fn.EXISTS(before)


def waits() -> dict[str, float]:
    """The destinations of endpoints with messages to send, and the seconds until the first is due."""
    enabled = Webhook.select(Webhook.id).where(Webhook.state == "enabled")
    query = WebhookDelivery.select(
        WebhookDelivery.webhook, fn.MIN(WebhookDelivery.due_at) - now_expression()
    ).where(_heads(), WebhookDelivery.webhook.in_(enabled))
    rows = query.group_by(WebhookDelivery.webhook).tuples()
    found = {destination(number): max(0, wait) / 1000 for number, wait in rows}
    states = sending.states(found)
    return {name: max(wait, states[name].wait_ms / 1000) for name, wait in found.items()}


def next_due(name: str) -> Job | None:
    """The message to send now at the endpoint of that destination, unless it is paused or silent."""
    if sending.states([name])[name].wait_ms > 0:
        return None
    webhook = int(name.removeprefix(_DESTINATION))
    query = (
        WebhookDelivery.select(WebhookDelivery, Webhook)
        .join(Webhook)
        .where(
            WebhookDelivery.webhook == webhook,
            Webhook.state == "enabled",
            _heads(),
            WebhookDelivery.due_at <= now_expression(),
        )
        .order_by(WebhookDelivery.id)
    )
    row = query.first()
    return None if row is None else job(row)


def job(row: WebhookDelivery) -> Job:
    """A message with the secret of its endpoint in clear."""
    hook = row.webhook
    secret = secrets.unseal(hook.secret, "webhook", hook.uid, "secret")
    return Job(row.id, row.uid, row.body, hook.id, hook.url, secret, hook.allow_private)


def settle(sent: Job, answer: WebhookAnswer) -> None:
    """Note what became of a message; the endpoint is paused when it took nothing for three days."""

    def work() -> None:
        row = WebhookDelivery.get_or_none(WebhookDelivery.id == sent.id)
        if row is None or row.state != "pending":
            return
        now = now_expression()
        mine = (WebhookDelivery.id == sent.id) & (WebhookDelivery.state == "pending")
        changes: dict[str, Any] = {
            "attempts": WebhookDelivery.attempts + 1,
            "tried_at": fn.COALESCE(WebhookDelivery.tried_at, now),
            "status": answer.status,
            "error": redact(answer.error),
        }
        if answer.good:
            changes |= {"state": "sent", "sent_at": now}
        else:
            pause = PAUSES_S[min(row.attempts, len(PAUSES_S) - 1)] * random.uniform(0.9, 1.1)
            changes["due_at"] = now + int(pause * 1000)
        WebhookDelivery.update(changes).where(mine).execute()
        if answer.status is not None and sending.answered(destination(sent.webhook)):
            _say(sent, "answers again", "success")
        if not answer.good and (answer.status == GONE or _too_long(sent.id)):
            WebhookDelivery.update(state="failed").where(mine).execute()
            _pause(sent, answer)

    in_transaction(work)
    if answer.status is None and sending.failed(destination(sent.webhook), answer.error, _SILENT_S):
        in_transaction(lambda: _say(sent, f"{answer.error}; messages wait and are retried", "error"))


def _too_long(number: int) -> bool:
    old = WebhookDelivery.tried_at <= now_expression() - GIVE_UP_MS
    return bool(WebhookDelivery.select().where(WebhookDelivery.id == number, old).exists())


def _pause(sent: Job, answer: WebhookAnswer) -> None:
    why = answer.error if answer.status == GONE else f"no message was accepted for three days: {answer.error}"
    paused = Webhook.update(state="paused", why=redact(why)).where(
        Webhook.id == sent.webhook, Webhook.state == "enabled"
    )
    if paused.execute():
        data = {"webhook": sent.webhook, "url": sent.url, "error": redact(why)}
        if recording.write_site("webhook.paused", data):
            recording.ring()
        _say(sent, f"is paused: {why}. Resume it with: kvmtui webhook resume {sent.webhook}", "error")


def _say(sent: Job, words: str, level: str) -> None:
    events.publish("alert", f"[webhook] {sent.webhook} ({sent.url}): {words}", level=level)
