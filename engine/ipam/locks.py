"""One writer at a time over the addresses of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.store.database import transaction
from engine.store.locks import Lock, exclusive


@contextmanager
def addresses_of(server_id: int) -> Iterator[None]:
    """A transaction in which nobody else changes this server's addresses or pools.

    SQLite takes its write lock with BEGIN IMMEDIATE. PostgreSQL takes an advisory lock that lasts until the
    outermost transaction ends. The lock is per server and not per pool: one VM may draw from several pools
    and from the legacy list at once, and a single lock leaves no order in which two of them could deadlock.
    """
    with transaction():
        exclusive(Lock.ADDRESSES, server_id)
        yield
