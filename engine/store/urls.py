"""What a database URL means: `sqlite:///path` or `postgresql://user:password@host/name?option=value`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from engine import redact
from engine.errors import Refused
from engine.store import files

if TYPE_CHECKING:
    from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",  # a forgotten UPID is a lost VM
    "foreign_keys": 1,
    "busy_timeout": 15_000,
    "journal_size_limit": 64 * 1024 * 1024,
    "wal_autocheckpoint": 8000,  # an engine copies the log earlier: see `checkpoint` in engine.store.database
}
_POOL = 40
_POOL_WAIT = 30
_IDLE = 300


def connectable(url: str, watch: Callable[[str], None]) -> Any:
    """An unconnected pool for that database that shows every statement to `watch` before it runs.

    A SQLite file is created, or checked, first.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("postgresql", "postgres"):
        return _postgres(url, watch)
    if scheme == "sqlite":
        return _sqlite(sqlite_path(url), watch)
    raise Refused(
        f"KVMTUI_DB is '{shown(url)}', which is neither sqlite:///PATH nor postgresql://…; give one of these."
    )


def sqlite_path(url: str) -> Path:
    """The file a `sqlite:///path` URL names: with three slashes or four, a path from the root."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or path.strip("/") in ("", ":memory:"):
        raise Refused(f"The database URL '{url}' names no file; write sqlite:///PATH with the whole path.")
    return Path("/" + path.lstrip("/"))


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite://{quote(str(path.absolute()))}"


def shown(url: str) -> str:
    """The URL without its password."""
    head, separator, tail = url.partition("://")
    credentials, at, host = tail.rpartition("@")
    user, colon, _ = credentials.partition(":")
    hidden = f"{user}:{redact.MASK}" if colon else user
    return redact.redact(f"{head}{separator}{hidden}{at}{host}")


def _watched(base: Any, watch: Callable[[str], None]) -> Any:
    def execute_sql(self: Any, sql: str, params: Any = None) -> Any:
        watch(sql)
        return base.execute_sql(self, sql, params)

    return type(base.__name__, (base,), {"execute_sql": execute_sql})


def _sqlite(path: Path, watch: Callable[[str], None]) -> PooledSqliteDatabase:
    from playhouse.pool import PooledSqliteDatabase

    files.prepare_database_file(path)
    return _watched(PooledSqliteDatabase, watch)(
        str(path),
        pragmas=_SQLITE_PRAGMAS,
        lock_type="IMMEDIATE",
        check_same_thread=False,  # the pool lends a connection to one thread after the other
        max_connections=_POOL,
        timeout=_POOL_WAIT,
    )


def _postgres(url: str, watch: Callable[[str], None]) -> PooledPostgresqlDatabase:
    from playhouse.pool import PooledPostgresqlDatabase

    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise Refused(
            "KVMTUI_DB names PostgreSQL, but its driver is not installed; "
            "run in the checkout: pip install '.[postgres]'"
        ) from error
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise Refused(f"The database URL '{shown(url)}' names no database; write postgresql://HOST/NAME.")
    return _watched(PooledPostgresqlDatabase, watch)(
        name,
        prefer_psycopg3=True,
        max_connections=_POOL,
        stale_timeout=_IDLE,
        timeout=_POOL_WAIT,
        **_postgres_parameters(url, parts),
    )


def _postgres_parameters(url: str, parts: SplitResult) -> dict[str, Any]:
    """What libpq receives: the URL's parts, then its options (`?host=/run/postgresql&sslmode=require`)."""
    try:
        port = parts.port
    except ValueError as error:
        raise Refused(
            f"The port in the database URL '{shown(url)}' is not a number from 1 to 65535."
        ) from error
    named = {
        "host": unquote(parts.hostname or ""),
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "connect_timeout": 10,
        "application_name": "kvmtui",
        **dict(parse_qsl(parts.query)),
    }
    redact.register(str(named["password"]))
    return {key: value for key, value in named.items() if value}
