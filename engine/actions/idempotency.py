"""Writes that may be sent twice: the answer is stored by its key in the transaction of what it caused.

A second write with the same key waits until the first has committed, then gets its answer. A write that was refused or
failed caused nothing and stores nothing: a retry is a new attempt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.audit import Actor
from engine.clock import now_ms
from engine.forms.faults import BadInput, Fault
from engine.store.database import execute, in_transaction
from engine.store.models import Answered

_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a write answers: a status and a document; `replayed` when an earlier write stored it."""

    status: int
    document: dict[str, Any] = field(default_factory=dict)
    replayed: bool = False


def once(actor: Actor, key: str, digest: str, work: Callable[[], KeptAnswer]) -> KeptAnswer:
    """Do `work` in a transaction, unless this key of the actor's token was answered before.

    `digest` identifies the request: the same key with another one is refused. Without a key, `work` is done.
    """
    if not key:
        return in_transaction(work)
    if not _KEY.fullmatch(key):
        raise BadInput(
            [Fault(("Idempotency-Key",), "must be 1 to 255 printable ASCII characters without spaces.")]
        )
    return in_transaction(lambda: _once(actor.token_id or 0, key, digest, work))


def _once(token: int, key: str, digest: str, work: Callable[[], KeptAnswer]) -> KeptAnswer:
    # the unique index makes a second write with this key wait here until the first has ended
    claimed = execute(
        "INSERT INTO answered (token, key, digest, status, answer, at) VALUES (?, ?, ?, 0, '{}', ?) "
        "ON CONFLICT (token, key) DO NOTHING RETURNING id",
        token,
        key,
        digest,
        now_ms(),
    ).fetchone()
    if claimed is None:
        return _stored(token, key, digest)
    answer = work()
    stored = Answered.answer.db_value(answer.document)
    execute("UPDATE answered SET status = ?, answer = ? WHERE id = ?", answer.status, stored, claimed[0])
    return answer


def _stored(token: int, key: str, digest: str) -> KeptAnswer:
    row = Answered.get((Answered.token == token) & (Answered.key == key))
    if row.digest != digest:
        sentence = "was used for another request. Use a new key for a new request."
        raise BadInput([Fault(("Idempotency-Key",), sentence)])
    return KeptAnswer(row.status, row.answer, replayed=True)
