"""What a service has transferred, by month, for billing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from peewee import fn

from engine.errors import Refused
from engine.store.database import session
from engine.store.models import Traffic

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class MonthView:
    """The bytes of one service in one month, UTC."""

    service_id: int
    month: str
    bytes_in: int
    bytes_out: int


def months(service_id: int, month: str = "") -> list[MonthView]:
    """The months of a service, newest first, or the one that is named as YYYY-MM."""
    query = Traffic.select(
        Traffic.hour, fn.SUM(Traffic.bytes_in).alias("came"), fn.SUM(Traffic.bytes_out).alias("went")
    ).where(Traffic.service == service_id)
    if month:
        low, high = _bounds(month)
        query = query.where(Traffic.hour >= low, Traffic.hour < high)
    found: dict[str, tuple[int, int]] = {}
    with session():
        for hour, came, went in query.group_by(Traffic.hour).tuples():
            name = datetime.fromtimestamp(hour / 1000, UTC).strftime("%Y-%m")
            before = found.get(name, (0, 0))
            found[name] = (before[0] + int(came), before[1] + int(went))
    return [MonthView(service_id, name, *found[name]) for name in sorted(found, reverse=True)]


def _bounds(month: str) -> tuple[int, int]:
    match = _MONTH.fullmatch(month)
    if match is None:
        raise Refused(f"'{month}' is no month; write it as YYYY-MM.")
    year, number = int(match[1]), int(match[2])
    low = datetime(year, number, 1, tzinfo=UTC)
    high = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return int(low.timestamp() * 1000), int(high.timestamp() * 1000)
