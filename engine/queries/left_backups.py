"""Backups of terminated VMs that still lie on a storage: where, since when, and what prevents it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.clock import Moment
from engine.store.database import session
from engine.store.models import LeftBackup, Server


@dataclass(frozen=True, slots=True)
class LeftView:
    """A backup that outlived its VM; without a name it is whatever a storage that was away holds."""

    service_id: int
    name: str
    server: str
    storage: str
    backup: str
    why: str
    since: Moment
    next_try: Moment


def left_backups() -> list[LeftView]:
    """Every backup that was left behind, the oldest first."""
    query = LeftBackup.select(LeftBackup, Server).join(Server).order_by(LeftBackup.since, LeftBackup.id)
    with session():
        return [_view(row) for row in list(query)]


def _view(row: LeftBackup) -> LeftView:
    return LeftView(
        row.service, row.vm_name, row.server.name, row.storage, row.volid, row.why, row.since, row.due_at
    )
