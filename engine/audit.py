"""Who did what, when, to what: append-only rows, each carrying a hash over the one before.

The database itself refuses to change or delete them; the chain tells when somebody went around that.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.clock import now_ms
from engine.redact import MASK, redact
from engine.store.database import session, transaction
from engine.store.locks import Lock, exclusive
from engine.store.models import Audit

_CHANGED = f"{MASK} (changed)"
_SECRET_NAME = re.compile(r"password|passwd|secret|api_?key|api_?token|access_?key|^token$", re.IGNORECASE)
_HASHED = (
    "at", "login", "ssh_client", "source", "action", "kind", "object_id", "object_name",
    "reason", "before", "after", "result", "previous_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: the login on this machine, the address they came from, and through what."""

    login: str
    ssh_client: str = ""
    source: str = "cli"


def current_actor(source: str | Actor) -> Actor:
    """The operator behind this process (the one before sudo, if any); an Actor is given back as it is."""
    if isinstance(source, Actor):
        return source
    return Actor(_login(), os.environ.get("SSH_CLIENT", "").partition(" ")[0], source)


def record(
    actor: Actor,
    action: str,
    kind: str,
    object_id: str,
    object_name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reason: str = "",
    result: str = "done",
) -> None:
    """Add a row to the trail, in the caller's transaction if there is one. Secrets are masked."""
    with transaction():
        exclusive(Lock.AUDIT_CHAIN)
        row = {
            "at": now_ms(),
            "login": actor.login,
            "ssh_client": actor.ssh_client,
            "source": actor.source,
            "action": action,
            "kind": kind,
            "object_id": str(object_id),
            "object_name": object_name,
            "reason": redact(reason),
            "before": masked(before),
            "after": masked(after, before),
            "result": redact(result),
            "previous_hash": _newest_hash(),
        }
        Audit.insert(**row, hash=_hash(row)).execute()


def masked(values: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same values as may be shown: a secret says only that it is set, and whether it changed."""
    return {name: _masked(name, value, (before or {}).get(name)) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the whole trail found: how many rows, what is wrong, and the hash of the newest.

    Rows cut off at the end leave no trace in what is left; the newest hash, noted elsewhere, tells.
    """

    rows: int
    faults: tuple[str, ...]
    newest_hash: str


def verify() -> Verdict:
    """Walk along the whole trail, from the oldest row to the newest."""
    faults: list[str] = []
    expected, rows = "", 0
    with session():
        for row in Audit.select().order_by(Audit.id).iterator():
            values = {name: getattr(row, name) for name in _HASHED}
            if row.previous_hash != expected:
                faults.append(
                    f"Audit row {row.id} does not follow the row before it: one was removed or added."
                )
            if row.hash != _hash(values):
                faults.append(f"Audit row {row.id} was altered after it was written.")
            expected, rows = row.hash, rows + 1
    return Verdict(rows, tuple(faults), expected)


def verify_chain() -> list[str]:
    """What is wrong with the trail, as sentences; an empty list when every link holds."""
    return list(verify().faults)


def _newest_hash() -> str:
    newest = Audit.select(Audit.hash).order_by(Audit.id.desc()).limit(1).scalar()
    return str(newest or "")


def _hash(row: Mapping[str, Any]) -> str:
    text = json.dumps([row[name] for name in _HASHED], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _masked(name: str, value: Any, before: Any) -> Any:
    if name == "secrets" or _SECRET_NAME.search(name):
        if not value:
            return value if value is None else ""
        return MASK if before in (None, value) or not before else _CHANGED
    return _plain(value, before)


def _plain(value: Any, before: Any = None) -> Any:
    """A value as JSON keeps it, known secrets inside texts masked."""
    if isinstance(value, Mapping):
        return masked(
            {str(key): inner for key, inner in value.items()}, before if isinstance(before, Mapping) else None
        )
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _login() -> str:
    sudo = os.environ.get("SUDO_USER")
    if sudo and os.geteuid() == 0:
        return sudo
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
