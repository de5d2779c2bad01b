"""Retention: once an hour, by one engine, what has ended and is too old goes, and old hours of traffic are folded.

It works briefly: what is left when its time is up goes an hour later. Nothing depends on how far it came.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from engine.audit_archive import delete_archived
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.store import settings
from engine.store.database import in_transaction, session
from engine.store.models import Setting
from engine.traffic import aggregation
from engine.work import retention
from engine.work.task import TaskReport, TaskResources

log = logging.getLogger(__name__)
LONGEST_S = 300.0  # and never longer than half the time after which a lock is taken over
_FOLDED = "retention.folded"  # {"day", "month"}: the edges of the pass; "after": the last VM, null at its end


def run(resources: TaskResources, pause_s: float = retention.PAUSE_S, now: int = 0) -> TaskReport:
    """One run; a table that cannot be cleaned does not stop the others."""
    kept = settings.read(settings.Retention)
    end = time.monotonic() + min(LONGEST_S, settings.read(settings.Cron).lock_timeout / 2)
    report = TaskReport()

    def keep_going() -> bool:
        return resources.keep_going() and time.monotonic() < end

    for table in retention.TABLES:
        _count(
            report,
            table.table,
            lambda table=table: retention.delete_old(table, kept, keep_going, pause_s, now),  # type: ignore[misc]
        )
    _count(report, "audit", lambda: delete_archived(keep_going, pause_s))
    _count(report, "traffic", lambda: fold(kept, keep_going, pause_s, now))
    return report


def _count(report: TaskReport, table: str, work: Callable[[], int]) -> None:
    try:
        report.count(work())
    except KvmtuiError as error:
        report.count(0, errors=1)
        log.warning("Old rows of table %s could not be deleted: %s", table, error.sentence)


def fold(kept: settings.Retention, keep_going: Callable[[], bool], pause_s: float, now: int = 0) -> int:
    """Fold the traffic of every VM once a day; returns 0, for no count is lost.

    Where the pass stands is kept, so that a short run each hour comes round as well.
    """
    edges = aggregation.edges(now or now_ms(), kept.traffic_hours_days)
    with session():
        row = Setting.get_or_none(Setting.key == _FOLDED)
    known = row.value if row is not None else {}
    same = (known.get("day"), known.get("month")) == (edges.day, edges.month)
    if same and known.get("after") is None:
        return 0
    after = known["after"] if same else None
    while keep_going():
        after = aggregation.fold_next(after, edges)
        _keep({"day": edges.day, "month": edges.month, "after": after})
        if after is None:
            break
        time.sleep(pause_s)
    return 0


def _keep(state: dict[str, int | None]) -> None:
    insert = Setting.insert(key=_FOLDED, value=state)
    in_transaction(
        lambda: insert.on_conflict(conflict_target=[Setting.key], preserve=[Setting.value]).execute()
    )
