"""One service with everything its record holds."""

from __future__ import annotations

from typing import Any

from engine.queries.documents import plain
from engine.queries.inventory import services
from engine.queries.notes import notes_of
from engine.queries.quota import quota_of
from engine.queries.suspension import suspension_of
from engine.store.database import session


def service_document(service_id: int) -> dict[str, Any]:
    """A service as `service show --json` prints it; NotFound when there is none of this id."""
    with session():
        notes = notes_of(service_id)
        (view,) = services(service_id)
        return plain(view) | {
            "suspended": plain(suspension_of(service_id)),
            "notes": notes,
            "traffic_quota": plain(quota_of(service_id)),
        }
