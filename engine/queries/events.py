"""The stream of events as an actor may see it: those of services inside their scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.clock import iso
from engine.queries.scoping import inside, service_condition
from engine.scope import Scope
from engine.store.database import session
from engine.store.models import Service
from engine.work.events import EventView, Follower, last_id, read

__all__ = ["EventView", "Follower", "ScopedFollower", "document", "last_id", "read", "visible"]


class ScopedFollower(Follower):
    """Follows the events inside a scope; its position moves over those outside too."""

    def __init__(self, scope: Scope, after: int | None = None) -> None:
        super().__init__(after)
        self._scope = scope

    def read(self, limit: int = 1000) -> list[EventView]:
        """What came inside the scope since the last call."""
        return visible(super().read(limit), self._scope)


def visible(events: Sequence[EventView], scope: Scope) -> list[EventView]:
    """The events that are about a service inside the scope; all of them when nothing is outside."""
    if not scope.limited:
        return list(events)
    wanted = {each.service for each in events if each.service is not None}
    query = Service.select(Service.id).where(Service.id.in_(sorted(wanted)))
    with session():
        known = {number for (number,) in inside(query, service_condition(scope)).tuples()}
    return [each for each in events if each.service in known]


def document(event: EventView) -> dict[str, Any]:
    """An event as JSON."""
    return {
        "id": event.id,
        "at": iso(event.at),
        "kind": event.kind,
        "level": event.level,
        "text": event.text,
        "service_id": event.service,
        "run_id": event.run,
        "data": event.data,
    }
