"""Wakes whoever waits for work, so that nobody has to wait for a tick.

Within one process a wake-up is a condition variable, notified after the commit. Between processes it is NOTIFY
on PostgreSQL and a small counter row on SQLite, which a waiting process reads four times a second.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import Any

from engine.store.database import before_commit, database, execute, is_postgres, session
from engine.store.models import Signal

log = logging.getLogger(__name__)
WORK = "work"
LOOK_EVERY = 0.25  # seconds between looks at what other processes did
_bells: dict[str, threading.Condition] = {}
_rung: dict[str, int] = {}
_guard = threading.Lock()


def ring(name: str = WORK) -> None:
    """Wake everybody who waits for `name`, here and in other processes, once this transaction commits."""
    before_commit("wake", name, _write)


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
        self._seen = self._counter()
        self._ear = _PostgresEar(name) if is_postgres() else None

    def wait(self, timeout: float) -> bool:
        """True as soon as it was rung since the last call, False after `timeout` seconds."""
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
        if self._ear is not None:
            self._ear.close()

    def _rang(self) -> bool:
        here = _rung[self._name]
        if here != self._heard:  # rung in this process: no need to ask the database
            self._heard = here
            return True
        if self._ear is not None:
            return bool(self._ear.heard())
        elsewhere = self._counter()
        changed, self._seen = elsewhere != self._seen, elsewhere
        return changed

    def _counter(self) -> int:
        if is_postgres():
            return 0
        try:
            with session():
                row = Signal.get_or_none(Signal.name == self._name)
        except Exception:  # noqa: BLE001 - a busy or vanished database must not end a waiting thread
            log.warning("The wake-up counter could not be read; looking again shortly")
            return getattr(self, "_seen", 0)
        return row.counter if row else 0


class _PostgresEar:
    """A connection of its own that LISTENs; it connects again when it was cut."""

    def __init__(self, name: str) -> None:
        self._channel = f"kvmtui_{name}"
        self._connection: Any = None

    def heard(self) -> int:
        """How many notifications arrived since the last look; a fresh connection counts as one."""
        try:
            if self._connection is None:
                self._connect()
                return 1
            return len(list(self._connection.notifies(timeout=0)))
        except Exception:  # noqa: BLE001 - whatever ended the connection, the next look makes a new one
            self.close()
            return 0

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> None:
        import psycopg

        parameters = {key: value for key, value in database.connect_params.items() if value is not None}
        self._connection = psycopg.connect(dbname=database.database, autocommit=True, **parameters)
        self._connection.execute(f'LISTEN "{self._channel}"')
