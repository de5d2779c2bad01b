"""Deletes what has ended and is older than the settings say, a page at a time.

What is still needed stays whatever its age: calls a VM may be reconciled from, the newest runs of each VM, everything
of a VM that is not idle. The newest row of a table always stays: SQLite would hand out its number again, and
whoever follows the events or waits for a request would take the new row for the old one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine.clock import now_ms
from engine.store.database import execute, in_transaction, session
from engine.store.settings import Retention

PAGE = 500  # rows of one transaction: some milliseconds of the write lock
PAUSE_S = 0.02  # between pages, for those who wait for that lock
DAY_MS = 86_400_000
SESSION_DAYS = 1  # how long the row of an expired client session stays, so that its link can say so
ANSWERS_DAYS = 7  # how long an Idempotency-Key of the HTTP API is remembered

_AT_REST = (
    "EXISTS (SELECT 1 FROM vm WHERE vm.id = {table}.vm_id AND vm.flow = '{{}}' AND vm.due_at IS NULL "
    "AND vm.vm_status IN ('ready', 'remove', 'error_terminate'){more})"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A table of which old rows go: the setting, the column that tells a row's age, and which rows may go at all."""

    table: str
    days: Callable[[Retention], int]
    age: str
    may_go: str = ""
    value: Callable[[Retention], int] | None = None  # for the `?` in `may_go`

    def page(self, settings: Retention, edge: int, after: tuple[int, int]) -> list[tuple[int, int]]:
        """Age and number of the next rows that may go, the oldest first."""
        values = [self.value(settings)] if self.value else []
        return list(
            execute(
                f"SELECT {self.age}, id FROM {self.table} WHERE {self.age} < ? AND ({self.age}, id) > (?, ?) "
                f"AND id < (SELECT MAX(id) FROM {self.table}){self.may_go} ORDER BY {self.age}, id LIMIT {PAGE}",
                edge,
                *after,
                *values,
            ).fetchall()
        )

    def delete(self, settings: Retention, ids: list[int]) -> int:
        """Delete these rows, as far as they still may go."""
        values = [self.value(settings)] if self.value else []
        marks = ", ".join("?" * len(ids))
        sql = f"DELETE FROM {self.table} WHERE id IN ({marks}){self.may_go}"
        return int(execute(sql, *ids, *values).rowcount)


# calls before runs, so that deleting a run has few calls to detach
TABLES = (
    Kept("event", lambda kept: kept.events_days, "at"),
    Kept(
        "call",
        lambda kept: kept.journal_days,
        "intent_at",
        # an open call is reconciled; one of a VM without a node may be the only trace of a clone.
        # without a VM there is nobody left who could ask
        " AND (vm_id IS NULL OR (state IN ('ended', 'failed') AND "
        + _AT_REST.format(table="call", more=" AND vm.node <> ''")
        + "))",
    ),
    Kept(
        "run",
        lambda kept: kept.runs_days,
        "finished_at",
        " AND live IS NULL AND id <= (SELECT newer.id FROM run AS newer WHERE newer.vm_id = run.vm_id "
        "ORDER BY newer.id DESC LIMIT 1 OFFSET ?)",
        lambda kept: kept.runs_kept,
    ),
    Kept(
        "request",
        lambda kept: kept.requests_days,
        "ended_at",
        " AND state IN ('done', 'failed', 'withdrawn')",
    ),
    Kept(
        "webhook_delivery",
        lambda kept: kept.requests_days,
        "created_at",
        # what waits for a paused endpoint is not kept forever either
        " AND (state IN ('sent', 'failed') OR webhook_id IN (SELECT id FROM webhook WHERE state = 'paused'))",
    ),
    # what waits for a target that was removed is not kept forever either
    Kept("notification", lambda kept: kept.requests_days, "created_at"),
    Kept("capacity", lambda kept: kept.capacity_days, "at"),
    Kept("answered", lambda kept: ANSWERS_DAYS, "at"),
    Kept("client_session", lambda kept: SESSION_DAYS, "expires_at"),
    Kept(
        "outbox",
        lambda kept: kept.mails_days,
        "created_at",
        # a row's key keeps the step that queued it from sending twice, so it outlives the step
        " AND state IN ('sent', 'failed') AND (vm_id IS NULL OR "
        + _AT_REST.format(table="outbox", more="")
        + ")",
    ),
)


def delete_old(
    table: Kept, settings: Retention, keep_going: Callable[[], bool], pause_s: float = PAUSE_S, now: int = 0
) -> int:
    """Delete what is too old in one table, page by page; returns how many rows went."""
    days = table.days(settings)
    if days == 0:
        return 0
    edge, after, gone = (now or now_ms()) - days * DAY_MS, (-1, -1), 0
    while keep_going():
        with session():
            found = table.page(settings, edge, after)
            if found:
                gone += in_transaction(partial(table.delete, settings, [number for _, number in found]))
        if len(found) < PAGE:
            break
        after = found[-1]
        time.sleep(pause_s)
    return gone
