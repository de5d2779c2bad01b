"""Notifies threads and processes that wait for work, so that they do not have to wait for the next tick.

Within one process a notification goes through a condition variable, after the commit. Between processes it is NOTIFY
on PostgreSQL and a counter row on SQLite. One thread of each process looks for those, however many listeners there
are: on PostgreSQL it sleeps until the server sends one, on SQLite it looks twenty to fifty times a second whether
the file was written.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, Protocol
from weakref import WeakSet

from engine.store.database import before_commit, database, execute, is_postgres, session

log = logging.getLogger(__name__)
WORK = "work"
CHECK_EVERY = 0.02  # seconds between looks at a SQLite database in which something happens
IDLE_EVERY = 0.05  # seconds between looks at one in which nothing has happened for a while
REREAD_EVERY = 0.25  # seconds between reads although nothing seems to be new: the time of a file is coarse
_BUSY_S = 5.0  # what "a while" is
_SETTLED_S = 0.1  # how long after a change of the file its commit may become visible
_SILENCE_S = 1.0  # the longest wait for the server, and the pause after it could not be reached
_PREFIX = "kvmtui_"
_conditions: dict[str, threading.Condition] = {}
_counts: dict[str, int] = {}
_guard = threading.Lock()


def notify(name: str = WORK) -> None:
    """Wake everybody who waits for `name`, here and in other processes, once this transaction commits."""
    before_commit("wake", name, _write)


def notify_in_flush(name: str) -> None:
    """Like `notify`, for what runs as the last act of a transaction and can collect nothing any more."""
    _write([name])


def _write(names: list[str]) -> None:
    for name in sorted(set(names)):
        if is_postgres():
            execute("SELECT pg_notify(?, '')", f"{_PREFIX}{name}")
        else:
            execute(
                "INSERT INTO signal (name, counter) VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET counter = signal.counter + 1",
                name,
            )
        database.after_commit(partial(notify_here, name))


def notify_here(name: str = WORK) -> None:
    """Wake those in this process only."""
    condition = _condition(name)
    with condition:
        _counts[name] += 1
        condition.notify_all()


def _condition(name: str) -> threading.Condition:
    with _guard:
        if name not in _conditions:
            _conditions[name] = threading.Condition()
            _counts[name] = 0
        return _conditions[name]


class Listener:
    """Receives the notifications of one channel from now on, those between two waits included."""

    def __init__(self, name: str = WORK) -> None:
        self.name = name
        self._condition = _condition(name)
        self._seen = _counts[name]
        self._watcher = _watch(self)

    def wait(self, timeout: float) -> bool:
        """True as soon as it is notified, or was since the last call; False after `timeout` seconds."""
        if self._watcher.ended and database.obj is not None:  # the database was opened again
            self._watcher = _watch(self)
        with self._condition:
            notified = self._condition.wait_for(lambda: _counts[self.name] != self._seen, max(0.0, timeout))
            self._seen = _counts[self.name]
        return notified

    def close(self) -> None:
        """Stop listening."""
        self._watcher.leave(self)


class Source(Protocol):
    """Where the notifications of other processes come from. What was sent before it began is unknown."""

    def next(self, names: Collection[str]) -> Iterable[str]:
        """The channels that were notified since the last call, these at first; waits a moment for one."""
        ...

    def interrupt(self) -> None:
        """End the wait of another thread."""
        ...

    def close(self) -> None:
        """Look no more."""
        ...


class _Watcher:
    """The thread that hands the notifications of other processes to the listeners of this one."""

    def __init__(self) -> None:
        self.database = database.obj
        self.ended = False
        self._failing = False
        self._listeners = WeakSet[Listener]()
        self._source: Source = PostgresSource() if is_postgres() else SqliteSource()
        self._thread = threading.Thread(target=self._run, name="wake", daemon=True)
        self._thread.start()

    def join(self, listener: Listener) -> None:
        """Watch for one more listener; called with the guard held."""
        self._listeners.add(listener)
        self._source.interrupt()

    def leave(self, listener: Listener) -> None:
        """Watch no more for a listener; the last one ends the thread, and nothing uses the database after that."""
        with _guard:
            self._listeners.discard(listener)
            if self._listeners or self.ended:
                return
            self._source.interrupt()
        self._thread.join(_SILENCE_S)

    def _run(self) -> None:
        try:
            while names := self._names():
                self._hand_on(names)
        finally:
            self.ended = True
            self._source.close()

    def _names(self) -> set[str]:
        """The channels somebody listens to; none, and the end, after the last left or another database was opened."""
        with _guard:
            names = {each.name for each in self._listeners if database.obj is self.database}
            self.ended = not names
        return names

    def _hand_on(self, names: Collection[str]) -> None:
        try:
            notified = self._source.next(names)
        except Exception:  # noqa: BLE001 - a busy or vanished database must not end the thread
            if not self._failing and database.obj is self.database:
                log.warning("Notifications of other processes cannot be read; retrying")
            self._failing = True
            time.sleep(REREAD_EVERY)
            return
        self._failing = False
        for name in notified:
            notify_here(name)


_watchers: list[_Watcher] = []
"""The newest watcher, if there is one."""


def _watch(listener: Listener) -> _Watcher:
    with _guard:
        if not _watchers or _watchers[0].ended or _watchers[0].database is not database.obj:
            _watchers[:] = [_Watcher()]
        _watchers[0].join(listener)
        return _watchers[0]


class SqliteSource:
    """Compares the counters of a SQLite file with what they were, without keeping a connection open.

    They are read while the file with the latest writes changes and shortly after, for it changes before what was
    written is committed; and four times a second in any case.
    """

    def __init__(self) -> None:
        self._file = f"{database.database}-wal"
        self._written: tuple[int, int] | None = None
        self._written_at = self._read_at = self._busy_at = 0.0
        self._known: dict[str, int] | None = None
        self._interrupted = threading.Event()

    def next(self, names: Collection[str]) -> Iterable[str]:
        """The channels whose counter has changed."""
        if self._known is None:
            self._known = _counters()
            return names
        busy = time.monotonic() - self._busy_at < _BUSY_S
        if self._interrupted.wait(CHECK_EVERY if busy else IDLE_EVERY):
            self._interrupted.clear()
            return ()
        return self.changed()

    def changed(self) -> Iterable[str]:
        """The same without waiting."""
        now = time.monotonic()
        written = self._state()
        if written != self._written:
            self._written, self._written_at = written, now
        if now - self._written_at >= _SETTLED_S and now - self._read_at < REREAD_EVERY:
            return ()
        found, before = _counters(), self._known or {}
        self._read_at, self._known = now, found
        if found != before:
            self._busy_at = now
        return [name for name, counter in found.items() if before.get(name) != counter]

    def interrupt(self) -> None:
        """Make `next` return."""
        self._interrupted.set()

    def close(self) -> None:
        """Nothing is open between two looks."""

    def _state(self) -> tuple[int, int]:
        try:
            found = os.stat(self._file)  # noqa: PTH116 - fifty times a second
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_size


def _counters() -> dict[str, int]:
    with session():
        return dict(execute("SELECT name, counter FROM signal").fetchall())


class PostgresSource:
    """A connection of its own that LISTENs; it connects again when it was cut."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._heard: set[str] = set()
        self._interrupted, self._interrupt = os.pipe()
        os.set_blocking(self._interrupt, False)

    def next(self, names: Collection[str]) -> Iterable[str]:
        """What the server sent; these once a new channel is among them."""
        try:
            if self._connection is None:
                self._connect()
            if fresh := set(names) - self._heard:
                for name in sorted(fresh):
                    self._connection.execute(f'LISTEN "{_PREFIX}{name}"')
                self._heard |= fresh
                return names
            ready = select.select([self._connection, self._interrupted], [], [], _SILENCE_S)[0]
            if self._interrupted in ready:
                os.read(self._interrupted, 4096)
            return {each.channel.removeprefix(_PREFIX) for each in self._connection.notifies(timeout=0)}
        except Exception:
            self._disconnect()
            raise

    def interrupt(self) -> None:
        """Make `next` return."""
        try:
            os.write(self._interrupt, b".")
        except OSError:  # enough of them wait already, or it is closed
            return

    def close(self) -> None:
        """Close the connection and the pipe."""
        self._disconnect()
        with _guard:
            os.close(self._interrupt)
            os.close(self._interrupted)

    def _connect(self) -> None:
        import psycopg

        parameters = {key: value for key, value in database.connect_params.items() if value is not None}
        self._connection = psycopg.connect(dbname=database.database, autocommit=True, **parameters)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._heard.clear()
        if connection is not None:
            connection.close()
