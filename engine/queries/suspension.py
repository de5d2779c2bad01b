"""Why a service is suspended: what was said when it was requested, kept in the audit."""

from __future__ import annotations

from dataclasses import dataclass

from engine.clock import Moment
from engine.store.database import session
from engine.store.models import Audit, Service


@dataclass(frozen=True, slots=True)
class Suspension:
    """Since when a service is suspended, by whom, and why; no reason is an empty one."""

    since: Moment
    who: str
    reason: str


def suspension_of(service_id: int) -> Suspension | None:
    """The suspension of a service; None while it is not suspended, or when nobody here requested it."""
    with session():
        service = Service.get_or_none(Service.id == service_id)
        if service is None or service.status != "Suspended":
            return None
        asked = (Audit.kind == "vm") & (Audit.object_id == str(service_id)) & (Audit.action == "suspend")
        row = Audit.select().where(asked).order_by(Audit.id.desc()).first()
    # a row that was repeated when the first one was archived says since when
    return None if row is None else Suspension(row.before.get("since", row.at), row.login, row.reason)
