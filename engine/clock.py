"""Time as the database keeps it: whole milliseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

Moment = int  # epoch milliseconds; a view says so where scripts are to read ISO 8601
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as schedules name them


def now_ms() -> int:
    """The wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def iso(ms: int | None) -> str | None:
    """A moment as scripts read it, ISO 8601 UTC with Z, or None."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(ms: int) -> str:
    """A moment as the log shows it, in UTC to the second."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


_zone: tzinfo = UTC


def use_zone(name: str) -> None:
    """Where the operator is: the days and hours of schedules are meant there."""
    global _zone
    _zone = ZoneInfo(name)


def local_now() -> datetime:
    """The wall clock where the operator is."""
    return local(now_ms())


def local(ms: int) -> datetime:
    """A moment as the clock on the wall shows it where the operator is."""
    return datetime.fromtimestamp(ms / 1000, _zone)
