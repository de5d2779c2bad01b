"""Opens the one database of this process and hands out connections, one per thread.

SQLite is the embedded default, PostgreSQL serves several hosts. Everything above this file writes
plain peewee and never asks which one it is, except through `is_postgres()`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from peewee import DatabaseError, DatabaseProxy, Model, PostgresqlDatabase

from engine.store import troubles
from engine.store.urls import connectable

log = logging.getLogger(__name__)
database = DatabaseProxy()
_thread = threading.local()
T = TypeVar("T")


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


def open_database(url: str) -> None:
    """Point the process at `sqlite:///path` or `postgresql://user:password@host/name`."""
    database.initialize(connectable(url))


def close_database() -> None:
    """Give back every connection; the process may open another database afterwards."""
    if database.obj is None:
        return
    database.obj.close_all()
    _thread.depth = 0
    database.obj = None


def is_postgres() -> bool:
    """True when the open database is PostgreSQL."""
    return isinstance(database.obj, PostgresqlDatabase)


@contextmanager
def session() -> Iterator[None]:
    """A connection for this thread while the block runs; blocks may nest.

    What goes wrong with the database itself leaves the outermost block as a sentence.
    """
    if _depth():
        with _connection():
            yield
        return
    try:
        with _connection():
            yield
    except troubles.TROUBLES as error:
        sentence = troubles.explained(error, database.obj)
        if sentence is None:
            raise
        raise sentence from error


@contextmanager
def transaction() -> Iterator[None]:
    """All of the block or nothing. On SQLite it takes the write lock at once (IMMEDIATE)."""
    with session(), database.atomic():
        yield


def in_transaction(work: Callable[[], T], attempts: int = 3) -> T:
    """Run `work` in a transaction; run it again when the connection died under it or a deadlock hit.

    `work` may run more than once, so it must read what it decides upon inside itself.
    """
    if _depth():
        with database.atomic():
            return work()
    for attempt in range(1, attempts + 1):
        try:
            with _connection(), database.atomic():
                return work()
        except troubles.TROUBLES as error:
            if attempt == attempts or not troubles.is_lost(error):
                sentence = troubles.explained(error, database.obj)
                if sentence is None:
                    raise
                raise sentence from error
            log.warning("The database connection was lost; trying again (%s)", error)
    raise AssertionError("unreachable")


def _depth() -> int:
    return int(getattr(_thread, "depth", None) or 0)


@contextmanager
def _connection() -> Iterator[None]:
    depth = _depth()
    if depth == 0:
        database.connect(reuse_if_open=True)
    _thread.depth = depth + 1
    try:
        yield
    finally:
        _thread.depth = depth
        if depth == 0:
            _give_back()


def _give_back() -> None:
    """Return the connection; the pool throws away one that died, and a broken one must not hide the cause."""
    if database.obj is None or database.is_closed():
        return
    try:
        database.close()
    except DatabaseError as error:
        log.debug("A database connection could not be closed: %s", error)
