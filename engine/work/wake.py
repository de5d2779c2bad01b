"""Wakes whoever waits for work, so that nobody has to wait for a tick.

Within one process a wake-up is a condition variable, notified after the commit. Between processes it is NOTIFY
on PostgreSQL and a small counter row on SQLite. A waiting process looks for either fifty times a second, which
takes one system call while nothing is written; while the database changes, one read serves all that wait in it.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from functools import partial
from typing import Any, Protocol

from engine.store.database import before_commit, database, execute, is_postgres, session

log = logging.getLogger(__name__)
WORK = "work"
LOOK_EVERY = 0.02  # seconds between looks at what other processes did
SURE_EVERY = (
    0.25  # seconds between reads of the counter when the file looks unchanged: its time has a resolution
)
_bells: dict[str, threading.Condition] = {}
_rung: dict[str, int] = {}
_guard = threading.Lock()


def ring(name: str = WORK) -> None:
    """Wake everybody who waits for `name`, here and in other processes, once this transaction commits."""
    before_commit("wake", name, _write)


def ring_in_flush(name: str) -> None:
    """Like `ring`, for what runs as the last act of a transaction and can collect nothing any more."""
    _write([name])


def _write(names: list[str]) -> None:
    for name in sorted(set(names)):
        if is_postgres():
            execute("SELECT pg_notify(?, '')", f"kvmtui_{name}")
        else:
            execute(
                "INSERT INTO signal (name, counter) VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET counter = signal.counter + 1",
                name,
            )
        database.after_commit(partial(ring_here, name))


def ring_here(name: str = WORK) -> None:
    """Wake those in this process only."""
    bell = _bell(name)
    with bell:
        _rung[name] += 1
        bell.notify_all()


def _bell(name: str) -> threading.Condition:
    with _guard:
        if name not in _bells:
            _bells[name] = threading.Condition()
            _rung[name] = 0
        return _bells[name]


class Listener:
    """Hears one bell from now on; nothing rung between two waits is missed."""

    def __init__(self, name: str = WORK) -> None:
        self._name = name
        self._bell = _bell(name)
        self._heard = _rung[name]
        self._ear: _Ear = _PostgresEar(name) if is_postgres() else _SqliteEar(name)

    def wait(self, timeout: float) -> bool:
        """True as soon as it rings, or when it rang since the last call, False after `timeout` seconds."""
        end = time.monotonic() + timeout
        while True:
            if self._rang():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            with self._bell:
                if _rung[self._name] == self._heard:
                    self._bell.wait(min(left, LOOK_EVERY))

    def close(self) -> None:
        """Stop listening."""
        self._ear.close()

    def _rang(self) -> bool:
        here = _rung[self._name]
        if here != self._heard:  # rung in this process: no need to ask the database
            self._heard = here
            return True
        return self._ear.heard()


class _Ear(Protocol):
    """Hears what other processes ring; to find that nothing rang must cost next to nothing."""

    def heard(self) -> bool:
        """Whether it rang since the last call."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class _Counters:
    """The counters of a SQLite file as the ears of this process know them: one read serves them all.

    They are read when the file with the latest writes has changed, and four times a second in any case.
    """

    def __init__(self, path: str) -> None:
        self._file = f"{path}-wal"
        self._lock = threading.Lock()
        self._written: tuple[int, int] | None = None
        self._read_at = 0.0
        self._known: dict[str, int] = {}

    def now(self, name: str, patience: float) -> int:
        """The counter of `name`, known for `patience` seconds at most while the file changes."""
        with self._lock:
            age = time.monotonic() - self._read_at
            written = self._state()
            if age >= SURE_EVERY or (written != self._written and age >= patience):
                self._written, self._read_at = written, time.monotonic()
                self._read()
            return self._known.get(name, 0)

    def _state(self) -> tuple[int, int]:
        try:
            found = os.stat(self._file)  # noqa: PTH116 - fifty times a second
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_size

    def _read(self) -> None:
        try:
            with session():
                self._known = dict(execute("SELECT name, counter FROM signal").fetchall())
        except Exception:  # noqa: BLE001 - a busy or vanished database must not end a waiting thread
            log.warning("The wake-up counters could not be read; looking again shortly")


_counters: dict[str, _Counters] = {}


class _SqliteEar:
    """Compares a counter with its last value; a wake-up for work is noticed at the first look, others soon after."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._patience = 0.0 if name == WORK else 2 * LOOK_EVERY
        with _guard:
            self._counters = _counters.setdefault(database.database, _Counters(database.database))
        self._counter = self._counters.now(name, 0.0)

    def heard(self) -> bool:
        before, self._counter = self._counter, self._counters.now(self._name, self._patience)
        return self._counter != before

    def close(self) -> None:
        return


class _PostgresEar:
    """A connection of its own that LISTENs; it connects again when it was cut."""

    def __init__(self, name: str) -> None:
        self._channel = f"kvmtui_{name}"
        self._connection: Any = None
        self._connect_at = 0.0

    def heard(self) -> bool:
        """A fresh connection counts as a ring: what was rung before it is unknown."""
        try:
            if self._connection is None:
                return self._connect()
            if not select.select([self._connection], [], [], 0)[0]:
                return False
            return bool(list(self._connection.notifies(timeout=0)))
        except Exception:  # noqa: BLE001 - whatever ended the connection, the next call opens a new one
            self.close()
            return False

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> bool:
        import psycopg

        if time.monotonic() < self._connect_at:
            return False
        self._connect_at = time.monotonic() + SURE_EVERY
        parameters = {key: value for key, value in database.connect_params.items() if value is not None}
        self._connection = psycopg.connect(dbname=database.database, autocommit=True, **parameters)
        self._connection.execute(f'LISTEN "{self._channel}"')
        return True
