"""Opens the one database of this process and hands out connections, one per thread.

SQLite is the embedded default, PostgreSQL serves several hosts. Everything above this file writes
plain peewee and never asks which one it is, except through `is_postgres()`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from peewee import SQL, DatabaseError, DatabaseProxy, Model, PostgresqlDatabase

from engine.store import error_messages
from engine.store.turns import Turns
from engine.store.urls import connectable, sqlite_path

log = logging.getLogger(__name__)
database = DatabaseProxy()
T = TypeVar("T")
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE"})


class Row(Model):
    """The base of every table: bound to the process's database."""

    class Meta:
        database = database
        legacy_table_names = False

    if TYPE_CHECKING:  # what peewee adds by itself: the number, a reference's own number, back references
        id: Any

        def __getattr__(self, name: str) -> Any: ...
        # the stubs call the rows of .tuples() and .dicts() by the model's name
        def __iter__(self) -> Iterator[Any]: ...
        def __getitem__(self, key: Any) -> Any: ...
        def keys(self) -> Any: ...


class _Unit:
    """The transaction a thread is in: what is to be written right before its commit."""

    def __init__(self) -> None:
        self.collected: dict[str, list[Any]] = {}
        self.flushes: dict[str, Callable[[list[Any]], None]] = {}


class _Thread(threading.local):
    depth = 0  # how many sessions are open
    unit: _Unit | None = None
    fence: Callable[[], None] | None = None
    urgent = False  # whether its transactions go before those of other threads


_thread = _Thread()
_turns = Turns()


def open_database(url: str) -> None:
    """Point the process at `sqlite:///path` or `postgresql://user:password@host/name`."""
    database.initialize(connectable(url, _refuse_unfenced))
    _turns.use_file(None if is_postgres() else turns_file(sqlite_path(url)))


def turns_file(path: Path) -> Path:
    """Where the processes that write to a SQLite file queue; empty, and made again when it is missing."""
    return path.with_name(f"{path.name}-turns")


def close_database() -> None:
    """Close this thread's connection and every idle one; the process may open another database afterwards.

    A connection that another thread still uses is left to that thread: closing it under a running statement
    crashes the interpreter.
    """
    if database.obj is None:
        return
    if not database.obj.is_closed():
        database.obj.close()
    database.obj.close_idle()
    _thread.depth = 0
    _thread.unit = None
    database.obj = None
    _turns.use_file(None)


def is_postgres() -> bool:
    """True when the open database is PostgreSQL."""
    return isinstance(database.obj, PostgresqlDatabase)


@contextmanager
def session() -> Iterator[None]:
    """A connection for this thread while the block runs; blocks may nest.

    A database error leaves the outermost block as a sentence.
    """
    if _thread.depth:
        with _connection():
            yield
        return
    with _explained(), _connection():
        yield


@contextmanager
def transaction() -> Iterator[None]:
    """All of the block or nothing. On SQLite it takes the write lock at once (IMMEDIATE)."""
    with session(), _savepoint() if _thread.unit else _unit():
        yield


def in_transaction(work: Callable[[], T], attempts: int = 3) -> T:
    """Run `work` in a transaction; the outermost one runs it again after a lost connection or a deadlock.

    `work` may run more than once, so it must read what it decides upon inside itself.
    """
    if _thread.unit:
        with _savepoint():
            return work()
    for attempt in range(1, attempts + 1):
        try:
            with _connection(), _unit():
                return work()
        except error_messages.DATABASE_ERRORS as error:
            if attempt == attempts or not error_messages.is_lost(error):
                sentence = error_messages.explained(error, database.obj)
                if sentence is None:
                    raise
                raise sentence from error
            log.warning("Retrying a database transaction: %s", error)
            _reconnect()
    raise AssertionError("unreachable")


def before_commit(kind: str, row: Any, flush: Callable[[list[Any]], None]) -> None:
    """Collect `row`; one call of `flush` writes all rows of a kind as the last act of the transaction.

    Locks that `flush` takes are therefore never held while other rows are being locked. Rows collected in a
    nested block that fails are dropped with it.
    """
    unit = _thread.unit
    if unit is None:
        in_transaction(lambda: before_commit(kind, row, flush))
        return
    unit.flushes[kind] = flush
    unit.collected.setdefault(kind, []).append(row)


@contextmanager
def fenced(check: Callable[[], None]) -> Iterator[None]:
    """While the block runs, every transaction of this thread begins with `check`, and no write escapes one."""
    before, _thread.fence = _thread.fence, check
    try:
        yield
    finally:
        _thread.fence = before


@contextmanager
def urgent() -> Iterator[None]:
    """While the block runs, transactions of this thread take their turn before those of other threads.

    For the few that somebody waits for: to claim a VM and to begin a request. Work in progress must not use it.
    """
    before, _thread.urgent = _thread.urgent, True
    try:
        yield
    finally:
        _thread.urgent = before


@contextmanager
def unfenced() -> Iterator[None]:
    """For facts that are true whoever holds the lease, such as the answer to a call already sent."""
    before, _thread.fence = _thread.fence, None
    try:
        yield
    finally:
        _thread.fence = before


def now_expression() -> Any:
    """The database's clock in epoch milliseconds, as a value for statements.

    SQLite has no other clock than this host's, but reads it by itself.
    """
    return SQL(_POSTGRES_NOW if is_postgres() else _SQLITE_NOW)


def execute(sql: str, *values: Any) -> Any:
    """Run a hot statement written out in SQL, with `?` for values and `now_ms()` for the database's clock.

    Returns the cursor.
    """
    return database.execute_sql(_in_dialect(sql, is_postgres()), values)


@lru_cache(maxsize=512)
def _in_dialect(sql: str, postgres: bool) -> str:
    if postgres:
        return sql.replace("?", "%s").replace("now_ms()", _POSTGRES_NOW)
    return sql.replace("now_ms()", _SQLITE_NOW)


_POSTGRES_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
_SQLITE_NOW = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


def _refuse_unfenced(sql: str) -> None:
    """Called for every statement: a step writes inside a fenced transaction or not at all."""
    if _thread.fence is not None and _thread.unit is None and sql.lstrip()[:6].upper() in _WRITES:
        raise RuntimeError(f"a step wrote outside its fenced transaction: {sql[:60]}")


@contextmanager
def _unit() -> Iterator[None]:
    """The outermost transaction: the fence first, what was collected last."""
    unit = _Unit()
    with nullcontext() if is_postgres() else _turns.turn(_thread.urgent), database.atomic():
        _turns.begun()
        _thread.unit = unit
        try:
            if _thread.fence is not None:
                _thread.fence()
            yield
            for kind, rows in list(unit.collected.items()):
                unit.flushes[kind](rows)
        finally:
            _thread.unit = None


@contextmanager
def _savepoint() -> Iterator[None]:
    unit = _thread.unit
    assert unit is not None
    kept = {kind: len(rows) for kind, rows in unit.collected.items()}
    try:
        with database.atomic():
            yield
    except BaseException:
        for kind, rows in unit.collected.items():
            del rows[kept.get(kind, 0) :]
        raise


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except error_messages.DATABASE_ERRORS as error:
        sentence = error_messages.explained(error, database.obj)
        if sentence is None:
            raise
        raise sentence from error


@contextmanager
def _connection() -> Iterator[None]:
    depth = _thread.depth
    if depth == 0:
        database.connect(reuse_if_open=True)
    _thread.depth = depth + 1
    try:
        yield
    finally:
        _thread.depth = depth
        if depth == 0:
            _give_back()


def _reconnect() -> None:
    """Replace the connection of a session that outlasts a failed transaction."""
    if _thread.depth and not is_alive():
        _give_back()
        database.connect(reuse_if_open=True)


def checkpoint() -> None:
    """Copy what a SQLite file's log holds into the file, so that no commit has to: it would hold up all writers."""
    if not is_postgres():
        with session():
            database.execute_sql("PRAGMA wal_checkpoint(PASSIVE)")


def is_alive() -> bool:
    """Whether this thread's connection still answers."""
    try:
        database.execute_sql("SELECT 1")
    except error_messages.DATABASE_ERRORS:
        return False
    return True


def _give_back() -> None:
    """Return the connection; the pool discards a dead one, and closing it must not hide the cause."""
    if database.obj is None or database.is_closed():
        return
    try:
        database.close()
    except DatabaseError as error:
        log.debug("A database connection could not be closed: %s", error)
