"""Every advisory lock of the program, in one table.

SQLite has one writer anyway, since a transaction there takes the write lock at once. On PostgreSQL a lock is held
until the outermost transaction ends. Take them in the order of this table, after row locks.
"""

from __future__ import annotations

from enum import IntEnum

from engine.store.database import execute, is_postgres


class Lock(IntEnum):
    """What may be done by one transaction at a time."""

    MIGRATION = 0x6B766D00
    SERVICE_NUMBERS = 0x6B766D05
    ADDRESSES = 0x6970  # per server
    LIMITS = 0x6B766D02  # per server
    AUDIT_CHAIN = 0x6B766D04
    EVENT_ORDER = 0x6B766D01  # last: see engine.work.events


def exclusive(lock: Lock, server_id: int | None = None) -> None:
    """Wait until this transaction alone holds `lock`, for one server where it is kept per server."""
    if not is_postgres():
        return
    if server_id is None:
        execute("SELECT pg_advisory_xact_lock(?)", int(lock))
    else:
        execute("SELECT pg_advisory_xact_lock(?, ?)", int(lock), server_id)
