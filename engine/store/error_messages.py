"""What went wrong with the database, as a sentence: what seems to be the cause and what to do next.

A failed ROLLBACK hides what made it necessary (a full disk ends the transaction by itself), so the
whole chain of causes is read, the first one last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from peewee import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    PeeweeException,
)
from playhouse.pool import MaxConnectionsExceeded

from engine import redact
from engine.errors import Failed

# peewee wraps what a statement raises, but not what reading its rows does
DATABASE_ERRORS = (PeeweeException, MaxConnectionsExceeded, sqlite3.DatabaseError)

_LOST = (
    "closed",
    "terminating connection",
    "connection",
    "deadlock detected",
    "could not serialize",
    "server process",
    "ssl syscall",
)

# (words of the database, the sentence); {name} is the database, {words} what it said
_SENTENCES = (
    (
        ("database is locked", "database table is locked"),
        "The database {name} has been locked by another process for more than 15 seconds; nothing was changed. "
        "`fuser -v {name}` shows which; end the one that hangs, then retry.",
    ),
    (
        ("database or disk is full", "no space left", "could not extend file", "disk i/o error"),
        "The disk that holds the database {name} is full or failing ({words}); nothing was changed. "
        "Free space on it, then try again.",
    ),
    (
        ("readonly database", "read-only transaction"),
        "The database {name} can only be read here; nothing was changed. Check the owner of the file and its "
        "folder, and whether the disk is mounted read-only.",
    ),
    (
        ("unable to open database file",),
        "The database {name} cannot be opened; check that its folder exists and belongs to you.",
    ),
    (
        ("malformed", "not a database", "disk image"),
        "The database {name} is damaged ({words}). Stop every kvmtui, keep a copy of the file, and restore "
        "the newest backup.",
    ),
    (
        ("password authentication", "does not exist", "no pg_hba", "permission denied"),
        "The database server refused kvmtui: {words}. Check user, password and database name in KVMTUI_DB, "
        "and the user's rights.",
    ),
    (
        ("too many connections", "remaining connection slots", "max connections"),
        "The database {name} has no free connection ({words}); close unused sessions, or raise max_connections.",
    ),
    (
        _LOST,
        "The database {name} cannot be reached: {words}. Check that the server runs and that KVMTUI_DB "
        "names it.",
    ),
)


def is_lost(error: BaseException) -> bool:
    """True for failures of the connection or of concurrency, which a fresh try may not meet."""
    return _of_the_database(error) and any(word in text for text in _texts(error) for word in _LOST)


def explained(error: BaseException, database: Any) -> Failed | None:
    """The failure as a sentence, or None when it is the caller's to judge, as a broken constraint is."""
    if not _of_the_database(error):
        return None
    name = getattr(database, "database", "")
    texts = list(_texts(error))
    for words, sentence in _SENTENCES:
        for text in texts:
            if any(word in text for word in words):
                return Failed(sentence.format(name=name, words=_one_line(text)))
    return Failed(f"The database {name} failed: {_one_line(texts[0])}. The log has the details.")


def _of_the_database(error: BaseException) -> bool:
    if isinstance(error, IntegrityError | sqlite3.IntegrityError):
        return False
    if isinstance(error, sqlite3.DatabaseError):
        return True
    return isinstance(error, OperationalError | InterfaceError | InternalError | MaxConnectionsExceeded) or (
        type(error) is DatabaseError
    )


def _texts(error: BaseException) -> Iterator[str]:
    """The words of a failure and of what led to it, the first cause first."""
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < 10:
        chain.append(str(seen).lower())
        seen = seen.__cause__ or seen.__context__
    yield from reversed(chain)


def _one_line(text: str) -> str:
    return redact.redact(" ".join(text.split()))[:300].rstrip(".")
