"""What services have transferred, by month of the site's time zone, for billing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from peewee import fn

from engine.queries.scoping import within
from engine.scope import EVERYTHING, Scope
from engine.store.database import session
from engine.store.models import Traffic
from engine.traffic.calendar import bounds, month_of


@dataclass(frozen=True, slots=True)
class MonthView:
    """The bytes of one service in one month of the site's time zone."""

    service_id: int
    month: str
    bytes_in: int
    bytes_out: int


def months(service_id: int | None, month: str = "", scope: Scope = EVERYTHING) -> list[MonthView]:
    """The months of a service, or of every one, newest first; or only the one that is named as YYYY-MM."""
    if month:
        bounds(month)
    with session():
        names = [month] if month else list(_names(service_id, scope))
        return [view for name in names for view in _sums(service_id, name, scope)]


def sums_in(service_ids: Sequence[int], month: str) -> dict[int, tuple[int, int]]:
    """Bytes in and out of these services in a month; those without traffic are left out. Call it inside a session."""
    low, high = bounds(month)
    sums = Traffic.select(Traffic.service, fn.SUM(Traffic.bytes_in), fn.SUM(Traffic.bytes_out))
    rows = sums.where(Traffic.service.in_(list(service_ids)), Traffic.hour >= low, Traffic.hour < high)
    return {
        service: (int(came), int(went)) for service, came, went in rows.group_by(Traffic.service).tuples()
    }


def newest_months(service_id: int, most: int) -> list[MonthView]:
    """The newest months of a service in which something was counted."""
    with session():
        return [
            view
            for name in islice(_names(service_id, EVERYTHING), most)
            for view in _sums(service_id, name, EVERYTHING)
        ]


def _names(service_id: int | None, scope: Scope) -> Iterator[str]:
    """The months in which something was counted, newest first."""
    query = within(_of(service_id, fn.MAX(Traffic.hour)), scope, Traffic.service)
    newest = query.scalar()
    while newest is not None:
        name = month_of(newest)
        yield name
        newest = query.where(Traffic.hour < bounds(name)[0]).scalar()


def _sums(service_id: int | None, name: str, scope: Scope) -> Iterator[MonthView]:
    low, high = bounds(name)
    query = _of(service_id, Traffic.service, fn.SUM(Traffic.bytes_in), fn.SUM(Traffic.bytes_out))
    query = within(query, scope, Traffic.service)
    query = query.where(Traffic.hour >= low, Traffic.hour < high).group_by(Traffic.service)
    for service, came, went in list(query.order_by(Traffic.service).tuples()):
        yield MonthView(service, name, int(came), int(went))


def _of(service_id: int | None, *columns: Any) -> Any:
    query = Traffic.select(*columns)
    return query if service_id is None else query.where(Traffic.service == service_id)


def gib(size: int) -> str:
    """Bytes in GiB, such as `2.0 GiB`."""
    return f"{size / 2**30:.1f} GiB"
