"""Who did what, when, to what: append-only rows, each carrying a hash over the one before.

The database refuses to change them, and to delete what is not archived; the chain shows when somebody bypassed that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine import operators
from engine.clock import now_ms
from engine.redact import MASK, redact
from engine.roles import Role
from engine.scope import EVERYTHING, Scope
from engine.store.compiled import insert_rows
from engine.store.database import execute, session, transaction
from engine.store.locks import Lock, exclusive
from engine.store.models import Audit, AuditArchive

_PAGE = 1000
_CHANGED = f"{MASK} (changed)"
_SECRET_NAME = re.compile(r"password|passwd|secret|api_?key|api_?token|access_?key|^token$", re.IGNORECASE)
_HASHED = (
    "at", "login", "ssh_client", "source", "action", "kind", "object_id", "object_name",
    "reason", "before", "after", "result", "previous_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: the login on this host or `token:NAME`, the address they came from, through what, and why.

    `reason` goes into every audit row of this actor that has no reason of its own. Role and scope say what the actor
    may do and see; `token_id` is 0 for everyone but API tokens.
    """

    login: str
    ssh_client: str = ""
    source: str = "cli"
    reason: str = ""
    role: Role = Role.OWNER
    scope: Scope = EVERYTHING
    token_id: int = 0


def current_actor(source: str | Actor, reason: str = "") -> Actor:
    """The operator or token behind this process with its role; an Actor is returned unchanged."""
    if isinstance(source, Actor):
        return source
    address = os.environ.get("SSH_CLIENT", "").partition(" ")[0]
    known = operators.identity()
    return Actor(known.login, address, source, " ".join(reason.split()), known.role, token_id=known.token_id)


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
            "reason": redact(reason or actor.reason),
            "before": masked(before),
            "after": masked(after, before),
            "result": redact(result),
            "previous_hash": _newest_hash(),
        }
        insert_rows(Audit, [row | {"hash": _hash(row)}])


def masked(values: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same values as may be shown: a secret says only that it is set, and whether it changed."""
    return {name: _masked(name, value, (before or {}).get(name)) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the trail found: how many rows, what is wrong, the hash of the newest, the last archived row.

    Rows cut off at the end leave no trace in what is left; the newest hash, noted elsewhere, tells.
    """

    rows: int
    faults: tuple[str, ...]
    newest_hash: str
    archived_to: int = 0


class Chain:
    """Walks along rows in their order and collects what is wrong with them."""

    def __init__(self, expected: str = "") -> None:
        self.hash = expected
        self.rows = 0
        self.faults: list[str] = []

    def add(self, number: int, row: Mapping[str, Any]) -> None:
        """The next row: its hash, that of the row before it, and what the hash is over."""
        if row["previous_hash"] != self.hash:
            self.faults.append(
                f"Audit row {number} does not follow the row before it: one was removed or added."
            )
        if row["hash"] != _hash(row):
            self.faults.append(f"Audit row {number} was altered after it was written.")
        self.hash, self.rows = str(row["hash"]), self.rows + 1


def verify() -> Verdict:
    """Walk along the rows of the database, from the end of the newest archive, if any, to the newest row."""
    with session():
        newest = newest_archive()
        chain = Chain(newest.last_hash if newest else "")
        first = newest.last_id if newest else 0
        for row in rows_after(first):
            chain.add(row["id"], row)
        if newest is not None and not _is_witnessed(newest):
            chain.faults.append(f"The record of the archive {newest.path} has no audit row that mentions it.")
    return Verdict(chain.rows, tuple(chain.faults), chain.hash, first)


def newest_archive() -> AuditArchive | None:
    """The archive that the rows of the database continue; None when nothing was archived. Inside a session."""
    return AuditArchive.select().order_by(AuditArchive.last_id.desc()).first()


def _is_witnessed(archive: AuditArchive) -> bool:
    """Whether the audit itself says that these rows were archived: rows go only behind such a row."""
    reported = Audit.select().where(
        Audit.id > archive.last_id, Audit.kind == "audit", Audit.action == "archive"
    )
    return any(row.after.get("sha256") == archive.sha256 for row in reported)


def rows_after(number: int, upto: int | None = None) -> Iterator[dict[str, Any]]:
    """The rows behind a number, up to another one, in order, as they are hashed. Inside a session."""
    while True:
        query = Audit.select().where(Audit.id > number).order_by(Audit.id).limit(_PAGE)
        if upto is not None:
            query = query.where(Audit.id <= upto)
        rows: list[dict[str, Any]] = list(query.dicts())  # type: ignore[arg-type]
        yield from rows
        if len(rows) < _PAGE:
            return
        number = rows[-1]["id"]


def verify_chain() -> list[str]:
    """What is wrong with the trail, as sentences; an empty list when every link holds."""
    return list(verify().faults)


def _newest_hash() -> str:
    newest = execute("SELECT hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    if newest is not None:
        return str(newest[0] or "")
    archive = newest_archive()
    return str(archive.last_hash) if archive is not None else ""


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
