"""What an engine notes between two looks, as JSON by kind and owner: certificates, VMs that drifted.

An unchanged note is not written, so an idle site writes nothing.
"""

from __future__ import annotations

from typing import Any

from engine.store.database import in_transaction, session
from engine.store.models import Setting

Note = dict[str, Any]


def notes_of(kind: str) -> dict[str, Note]:
    """Every note of a kind by its owner."""
    start = f"{_key(kind, '')}"
    with session():
        query = Setting.select(Setting.key, Setting.value).where(Setting.key.startswith(start))
        return {row.key.removeprefix(start): row.value for row in query.order_by(Setting.key)}


def note_of(kind: str, owner: str) -> Note:
    """One note; empty when there is none."""
    with session():
        row = Setting.get_or_none(Setting.key == _key(kind, owner))
        return dict(row.value) if row is not None else {}


def keep(kind: str, owner: str, note: Note) -> bool:
    """Replace a note; an empty one is deleted. False when it is the same as before, and nothing was written."""
    if note_of(kind, owner) == note:
        return False
    key = _key(kind, owner)
    if not note:
        in_transaction(lambda: Setting.delete().where(Setting.key == key).execute())
        return True
    insert = Setting.insert(key=key, value=note)
    in_transaction(
        lambda: insert.on_conflict(conflict_target=[Setting.key], preserve=[Setting.value]).execute()
    )
    return True


def _key(kind: str, owner: str) -> str:
    return f"kept.{kind}.{owner}"
