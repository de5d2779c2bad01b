"""One service with everything its record holds."""

from __future__ import annotations

from typing import Any

from engine.errors import NotFound
from engine.queries.documents import plain
from engine.queries.inventory import service_and_notes
from engine.queries.quota import quota_of
from engine.queries.scoping import no_service
from engine.queries.suspension import suspension_of
from engine.store.database import session


def service_document(service_id: int) -> dict[str, Any]:
    """A service as `service show --json` prints it; NotFound when there is none of this id."""
    with session():
        found = service_and_notes(service_id)
        if found is None:
            raise NotFound(no_service(service_id))
        view, notes = found
        suspended = suspension_of(service_id) if view.status == "Suspended" else None
        return plain(view) | {
            "suspended": plain(suspended),
            "notes": notes,
            "traffic_quota": plain(quota_of(service_id)),
        }
