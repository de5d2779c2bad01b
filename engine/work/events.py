"""One ordered stream of what happens, kept in the database and followed from any process.

An event is written in the transaction it belongs to, as its last act: no line exists for what did not happen,
nothing happens without its line, and the lock that orders events is never held while rows are being locked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.clock import now_ms
from engine.redact import redact
from engine.store.compiled import Compiled, Insert
from engine.store.database import (
    before_commit,
    database,
    execute,
    in_transaction,
    session,
)
from engine.store.locks import Lock
from engine.store.models import Event
from engine.work import wake

EVENTS = "events"


@dataclass(frozen=True, slots=True)
class EventView:
    """One event as followers see it."""

    id: int
    at: int
    kind: str
    level: str
    text: str
    vm: int | None = None
    service: int | None = None
    run: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


Row = tuple[int, str, str, int | None, int | None, int | None, str, str]  # the columns of _INSERT


def row_of(
    kind: str,
    text: str = "",
    *,
    level: str = "info",
    vm: int | None = None,
    service: int | None = None,
    run: int | None = None,
    data: dict[str, Any] | None = None,
) -> Row:
    """An event that happens now, to be published with `publish_row`."""
    return (now_ms(), kind, level, vm, service, run, redact(text), json.dumps(data or {}, ensure_ascii=False))


def publish(kind: str, text: str = "", **about: Any) -> None:
    """Write one event with the caller's transaction, right before its commit; `about` as for `row_of`."""
    publish_row(row_of(kind, text, **about))


def publish_row(row: Row) -> None:
    """Write an event that may be older than the caller's transaction, right before its commit."""
    before_commit("events", row, _write)


Hook = Callable[[Sequence[EventView]], None]
_hooks: list[Hook] = []


def also(hook: Hook) -> None:
    """Call `hook` with what a transaction publishes, as its last act before the events are written."""
    if hook not in _hooks:
        _hooks.append(hook)


def _write(rows: list[tuple[Any, ...]]) -> None:
    """Insert what a transaction collected. Writers commit in the order of their ids: nobody reads past a gap."""
    if _hooks:
        views = [_view(*row) for row in rows]
        for hook in _hooks:
            hook(views)
    _INSERT.rows(rows)
    database.after_commit(lambda: wake.notify_here(EVENTS))


def _view(
    at: int,
    kind: str,
    level: str,
    vm: int | None,
    service: int | None,
    run: int | None,
    text: str,
    data: str,
) -> EventView:
    return EventView(0, at, kind, level, text, vm, service, run, json.loads(data))


# The lock, the events, which have no number before the lock is held, and the wake-up are one statement: the lock is
# held by every writer until its commit, so no round trip of this one may make the others wait.
_INSERT = Insert(
    "event",
    {
        "at": "BIGINT", "kind": "TEXT", "level": "TEXT", "vm": "INTEGER", "service": "INTEGER", "run": "INTEGER",
        "text": "TEXT", "data": "TEXT",
    },
    under_lock=Lock.EVENT_ORDER,
    channel=f"kvmtui_{EVENTS}",
)  # fmt: skip


def announce(kind: str, text: str, **about: Any) -> None:
    """Write one event in a transaction of its own."""
    in_transaction(lambda: publish(kind, text, **about))


def last_id() -> int:
    """The number of the newest event, 0 when there is none."""
    with session():
        return int(execute("SELECT COALESCE(MAX(id), 0) FROM event").fetchone()[0])


def read(after: int, limit: int = 1000) -> list[EventView]:
    """The events that follow number `after`, oldest first."""
    with session():
        return [EventView(**row) for row in _AFTER.rows(after, limit)]


_AFTER = Compiled[dict[str, Any]](
    lambda after, limit: Event.select().where(Event.id > after).order_by(Event.id).limit(limit).dicts(), 2
)


def recent(limit: int = 200, vm: int | None = None) -> list[EventView]:
    """The newest events, oldest first, of everything or of one VM."""
    query = Event.select().order_by(Event.id.desc()).limit(limit)
    if vm is not None:
        query = query.where(Event.vm == vm)
    with session():
        return [EventView(**row) for row in query.dicts()][::-1]


class Follower:
    """Reads the stream from a place on: nothing twice, nothing left out, across reconnects."""

    def __init__(self, after: int | None = None) -> None:
        self._after = last_id() if after is None else after
        self._listener = wake.Listener(EVENTS)
        self._interrupted = False

    @property
    def position(self) -> int:
        """The number of the last event that was read."""
        return self._after

    def read(self, limit: int = 1000) -> list[EventView]:
        """What came since the last call."""
        found = read(self._after, limit)
        if found:
            self._after = found[-1].id
        return found

    def wait(self, timeout: float) -> list[EventView]:
        """What came since the last call, waiting up to `timeout` seconds for the first of it."""
        end = time.monotonic() + timeout
        while not (found := self.read()):
            left = end - time.monotonic()
            if left <= 0 or self._interrupted:
                break
            self._listener.wait(min(left, wake.REREAD_EVERY))
        return found

    def interrupt(self) -> None:
        """End the wait of another thread at once, and any later one."""
        self._interrupted = True
        wake.notify_here(EVENTS)

    def close(self) -> None:
        """Stop following."""
        self._listener.close()


def texts(events: Iterable[EventView]) -> list[str]:
    """The log lines among events."""
    return [line for event in events if event.text for line in event.text.splitlines()]
