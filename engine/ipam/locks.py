"""One writer at a time over the addresses of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.store.database import database, is_postgres, transaction

# Advisory locks share one number space in a PostgreSQL database; this half keeps ours apart.
_LOCK_CLASS = 0x6970


@contextmanager
def addresses_of(server_id: int) -> Iterator[None]:
    """A transaction in which nobody else changes this server's addresses or pools.

    SQLite takes its write lock with BEGIN IMMEDIATE. PostgreSQL takes an advisory lock that lasts until the
    outermost transaction ends. The lock is per server and not per pool: one VM may draw from several pools
    and from the legacy list at once, and a single lock leaves no order in which two of them could deadlock.
    """
    with transaction():
        if is_postgres():
            database.execute_sql("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK_CLASS, server_id))
        yield
