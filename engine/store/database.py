"""Opens the one database of this process and hands out connections, one per thread.

SQLite is the embedded default, PostgreSQL serves several hosts. Everything above this file writes
plain peewee and never asks which one it is, except through `is_postgres()`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from peewee import DatabaseProxy, InterfaceError, Model, OperationalError, PostgresqlDatabase
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

from engine import redact
from engine.errors import Failed, Refused
from engine.store import files

log = logging.getLogger(__name__)
database = DatabaseProxy()

_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",  # a forgotten UPID is a lost VM
    "foreign_keys": 1,
    "busy_timeout": 15_000,
    "journal_size_limit": 64 * 1024 * 1024,
    "wal_autocheckpoint": 1000,
}
_POOL = 40
_depth = threading.local()
T = TypeVar("T")


class Row(Model):
    """The base of every table: bound to the process's database."""

    class Meta:
        database = database
        legacy_table_names = False


def open_database(url: str) -> None:
    """Point the process at `sqlite:///path` or `postgresql://user:password@host/name`."""
    database.initialize(_connectable(url))


def close_database() -> None:
    """Give back every connection; the process may open another database afterwards."""
    if database.obj is None:
        return
    database.obj.close_all()
    _depth.value = 0
    database.obj = None


def is_postgres() -> bool:
    """True when the open database is PostgreSQL."""
    return isinstance(database.obj, PostgresqlDatabase)


@contextmanager
def session() -> Iterator[None]:
    """A connection for this thread while the block runs; blocks may nest."""
    depth = getattr(_depth, "value", 0)
    if depth == 0:
        _connect()
    _depth.value = depth + 1
    try:
        yield
    finally:
        _depth.value = depth
        if depth == 0 and not database.is_closed():
            database.close()


@contextmanager
def transaction() -> Iterator[None]:
    """All of the block or nothing. On SQLite it takes the write lock at once (IMMEDIATE)."""
    with session(), database.atomic():
        yield


def in_transaction(work: Callable[[], T], attempts: int = 3) -> T:
    """Run `work` in a transaction; run it again when the connection died under it or a deadlock hit.

    `work` may run more than once, so it must read what it decides upon inside itself.
    """
    for attempt in range(1, attempts + 1):
        try:
            with transaction():
                return work()
        except (OperationalError, InterfaceError) as error:
            if attempt == attempts or not is_lost(error) or getattr(_depth, "value", 0):
                raise
            log.warning("The database connection was lost; trying again (%s)", error)
            _forget_connection()
    raise AssertionError("unreachable")


def is_lost(error: BaseException) -> bool:
    """True for failures of the connection or of concurrency, which a fresh try may not meet."""
    text = str(error).lower()
    return any(word in text for word in _LOST_WORDS)


_LOST_WORDS = (
    "closed",
    "terminating connection",
    "connection",
    "deadlock detected",
    "could not serialize",
    "server process",
    "ssl syscall",
)


def _forget_connection() -> None:
    """Drop a dead connection instead of returning it to the pool."""
    if not database.is_closed():
        database.obj.manual_close()


def _connect() -> None:
    try:
        database.connect(reuse_if_open=True)
    except (OperationalError, InterfaceError) as error:
        raise Failed(f"The database cannot be reached: {redact.redact(str(error)).strip()}.") from error


def _connectable(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        return _postgres(url)
    if parts.scheme == "sqlite":
        return _sqlite(sqlite_path(url))
    raise Refused(
        f"KVMTUI_DB is '{redact.redact(url)}', which is neither sqlite:///PATH nor postgresql://…; give one of these."
    )


def sqlite_path(url: str) -> Path:
    """The file a `sqlite:///path` URL names (four slashes, or three, both mean an absolute path on disk)."""
    path = unquote(urlsplit(url).path)
    if not path or path == "/":
        raise Refused(f"The database URL '{url}' names no file; write sqlite:///PATH.")
    return Path("/" + path.lstrip("/")) if path.startswith("//") else Path(path)


def _sqlite(path: Path) -> PooledSqliteDatabase:
    files.prepare_database_file(path)
    return PooledSqliteDatabase(
        str(path), pragmas=_SQLITE_PRAGMAS, lock_type="IMMEDIATE", max_connections=_POOL, timeout=30
    )


def _postgres(url: str) -> PooledPostgresqlDatabase:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise Refused(
            "KVMTUI_DB names PostgreSQL, but its driver is not installed; run: pip install 'kvmtui[postgres]'"
        ) from error
    parts = urlsplit(url)
    redact.register(unquote(parts.password or ""))
    return PooledPostgresqlDatabase(
        unquote(parts.path.lstrip("/")) or None,
        host=unquote(parts.hostname or "") or None,
        port=parts.port,
        user=unquote(parts.username or "") or None,
        password=unquote(parts.password or "") or None,
        prefer_psycopg3=True,
        max_connections=_POOL,
        stale_timeout=300,
        timeout=30,
    )
