"""The targets of notifications as values. Their URLs are in none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.clock import Moment
from engine.notify.post import MISSING, is_installed
from engine.notify.queue import destination, quiet_now
from engine.notify.settings import Receiver, receivers
from engine.notify.urls import source_of
from engine.store.database import session
from engine.store.models import Destination, Notification


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target of notifications: what it is sent, and how that goes. `url` is only its scheme or where it is read."""

    name: str
    url: str
    level: str
    quiet_hours: str
    time_zone: str
    state: str  # ok, quiet, failing
    pending: int
    failed: int
    last_sent: Moment | None
    failing_since: Moment | None
    error: str


def targets() -> list[TargetView]:
    """The targets of config.toml, in its order."""
    found = receivers()
    if not found:
        return []
    with session():
        counts, sent = _counts(), _last_sent()
        names = [destination(each) for each in found]
        outages = {row.name: row for row in Destination.select().where(Destination.name.in_(names))}
        return [_view(each, counts, sent, outages.get(destination(each.name))) for each in found.values()]


def failing() -> list[TargetView]:
    """The targets that took no message at the last attempt, and all of them while Apprise is missing."""
    return [each for each in targets() if each.state == "failing"]


def _view(
    each: Receiver, counts: dict[Any, int], sent: dict[str, int], outage: Destination | None
) -> TargetView:
    error = outage.error if outage is not None and outage.failures else ""
    if not is_installed():
        error = MISSING
    quiet = quiet_now(each) > 0
    return TargetView(
        name=each.name,
        url=source_of(each.url),
        level=each.level,
        quiet_hours=each.hours,
        time_zone=each.zone.key,
        state="failing" if error else "quiet" if quiet else "ok",
        pending=counts.get((each.name, "pending"), 0),
        failed=counts.get((each.name, "failed"), 0),
        last_sent=sent.get(each.name),
        failing_since=outage.failing_since if outage is not None else None,
        error=error,
    )


def _counts() -> dict[Any, int]:
    waiting = Notification.state.in_(("pending", "failed"))
    query: Any = Notification.select(Notification.target, Notification.state, fn.COUNT(Notification.id))
    query = query.where(waiting).group_by(Notification.target, Notification.state)
    return {(name, state): count for name, state, count in query.tuples()}


def _last_sent() -> dict[str, int]:
    query: Any = Notification.select(Notification.target, fn.MAX(Notification.sent_at))
    return dict(query.where(Notification.state == "sent").group_by(Notification.target).tuples())
