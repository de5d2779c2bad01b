"""The audit as values: who changed what, when, and with what result; the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.clock import Moment
from engine.store.database import session
from engine.store.models import Audit


@dataclass(frozen=True, slots=True)
class AuditView:
    """One change as lists show it."""

    id: int
    at: Moment
    login: str
    source: str
    action: str
    about: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    result: str


def newest(limit: int = 1000) -> list[AuditView]:
    """The latest changes, the newest first."""
    with session():
        return [_view(row) for row in Audit.select().order_by(Audit.id.desc()).limit(limit)]


def _view(row: Audit) -> AuditView:
    return AuditView(
        id=row.id,
        at=row.at,
        login=row.login,
        source=row.source,
        action=row.action,
        about=f"{row.kind} {row.object_name or row.object_id}",
        reason=row.reason,
        before=row.before,
        after=row.after,
        result=row.result,
    )
