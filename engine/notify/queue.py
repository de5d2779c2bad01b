"""Which notifications are due at a target, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from engine.notify.message import NotificationView
from engine.notify.quiet import quiet_seconds
from engine.notify.settings import Receiver, receivers
from engine.redact import redact
from engine.store.database import in_transaction, now_expression
from engine.store.models import Notification
from engine.work import events, sending

PAUSES_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
GIVE_UP_MS = 3 * 86_400_000
MOST = 1000
"""Notifications of one message; more follow in the next."""
_PREFIX = "notify:"


def destination(name: str) -> str:
    """The name of a target's row among the destinations."""
    return f"{_PREFIX}{name}"


def waits() -> dict[str, float]:
    """The destinations of targets with notifications, and the seconds until they are due."""
    query = (
        Notification.select(Notification.target, Notification.level)
        .where(Notification.state == "pending", Notification.target.in_(list(receivers())))
        .distinct()
    )
    found: dict[str, float] = {}
    for name, level in query.tuples():
        left = 0.0 if level == "critical" else quiet_now(receivers()[name])
        found[destination(name)] = min(left, found.get(destination(name), left))
    states = sending.states(found)
    return {name: max(wait, states[name].wait_ms / 1000) for name, wait in found.items()}


def due(name: str) -> tuple[Receiver, list[NotificationView]] | None:
    """The target of a destination with what is to be sent there now; None when nothing is."""
    receiver = receivers().get(name.removeprefix(_PREFIX))
    if receiver is None or sending.states([name])[name].wait_ms > 0:
        return None
    query = Notification.select().where(_pending(receiver.name))
    if quiet_now(receiver):
        query = query.where(Notification.level == "critical")
    rows = query.order_by(Notification.id).limit(MOST)
    found = [
        NotificationView(row.id, row.type, row.level, row.title, row.details, row.created_at) for row in rows
    ]
    return (receiver, found) if found else None


def settle(receiver: Receiver, sent: Sequence[NotificationView], error: str) -> None:
    """Note what became of a message; what could not be sent for three days has failed."""
    numbers = [each.id for each in sent]
    mine = _pending(receiver.name) & Notification.id.in_(numbers)

    def taken() -> None:
        changes = {"state": "sent", "sent_at": now_expression(), "error": ""}
        Notification.update({**changes, "attempts": Notification.attempts + 1}).where(mine).execute()
        if sending.answered(destination(receiver.name)):
            _say(receiver, "accepts notifications again", "success")

    def refused() -> None:
        said = {"error": redact(error), "attempts": Notification.attempts + 1}
        Notification.update(said).where(mine).execute()
        old = Notification.created_at <= now_expression() - GIVE_UP_MS
        Notification.update(state="failed").where(_pending(receiver.name), old).execute()

    if not error:
        in_transaction(taken)
        return
    in_transaction(refused)
    if sending.failed(destination(receiver.name), error, PAUSES_S):
        in_transaction(lambda: _say(receiver, f"{error}; notifications wait and are retried", "error"))


def quiet_now(receiver: Receiver) -> float:
    """The seconds that the quiet hours of a target still last; 0 outside them."""
    return quiet_seconds(receiver.quiet, receiver.zone, time.time())


def _pending(name: str) -> Any:
    return (Notification.target == name) & (Notification.state == "pending")


def _say(receiver: Receiver, words: str, level: str) -> None:
    events.publish("alert", f"[notify] {receiver.name}: {words}", level=level)
