"""What each section of the page shows, read from the engine's queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.actions.client_requests import password_waits
from engine.actions.client_sessions import Visit
from engine.errors import KvmtuiError
from engine.queries import charts, maintenance, traffic
from engine.queries.client_page import ClientPage, offered_templates
from engine.queries.live import live
from engine.queries.quota import quota_of
from kvmtui.api.client_page.plots import plots

_MONTHS = 12
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Section:
    """A section: which permission it needs, and what its template gets."""

    permission: str
    facts: Callable[[Visit, ClientPage, Mapping[str, str]], dict[str, Any]]


def _overview(visit: Visit, page: ClientPage, query: Mapping[str, str]) -> dict[str, Any]:
    seen = _asked(lambda: live(page.service_id), page)
    return {
        "power": seen.standing.power if seen and seen.standing else "",
        "usage": seen.usage if seen else None,
        "password_waits": not visit.view and password_waits(visit),
    }


def _network(visit: Visit, page: ClientPage, query: Mapping[str, str]) -> dict[str, Any]:
    quota = _asked(lambda: quota_of(page.service_id), page)
    return {"months": traffic.newest_months(page.service_id, _MONTHS), "quota": quota}


def _charts(visit: Visit, page: ClientPage, query: Mapping[str, str]) -> dict[str, Any]:
    span = query.get("span", "")
    span = span if span in charts.SPANS else "hour"
    found = _asked(lambda: charts.charts(page.service_id, span), page)
    return {"span": span, "spans": charts.SPANS, "plots": plots(found) if found else []}


def _snapshots(visit: Visit, page: ClientPage, query: Mapping[str, str]) -> dict[str, Any]:
    found = _asked(lambda: maintenance.snapshots(page.service_id), page)
    return {"snapshots": found and [each for each in found if each.ours], "used": len(found or ())}


def _backups(visit: Visit, page: ClientPage, query: Mapping[str, str]) -> dict[str, Any]:
    found = _asked(lambda: maintenance.backups(page.service_id), page)
    return {
        "backups": found and [each for each in found if each.ours],
        "schedule": _asked(lambda: maintenance.schedule(page.service_id), page),
    }


def _iso(visit: Visit, page: ClientPage, query: Mapping[str, str]) -> dict[str, Any]:
    found = _asked(lambda: maintenance.iso_images(page.service_id), page)
    groups: dict[str, list[maintenance.IsoView]] = {}
    for each in found or ():
        groups.setdefault(each.group, []).append(each)
    held = [each for each in found or () if each.mounted or each.pending]
    return {"known": found is not None, "groups": groups, "held": held, "other": maintenance.OTHER}


def _reinstall(visit: Visit, page: ClientPage, query: Mapping[str, str]) -> dict[str, Any]:
    return {"templates": offered_templates(page.service_id) if page.condition == "ready" else {}}


def _asked(read: Callable[[], T], page: ClientPage) -> T | None:
    """What a query answers; None while there is no VM, or when the cluster does not answer."""
    if page.condition in ("setup", "ended"):
        return None
    try:
        return read()
    except KvmtuiError:
        return None


SECTIONS: Mapping[str, Section] = {
    "overview": Section("", _overview),
    "network": Section("", _network),
    "charts": Section("charts", _charts),
    "snapshots": Section("snapshots", _snapshots),
    "backups": Section("backups", _backups),
    "iso": Section("iso", _iso),
    "reinstall": Section("reinstall", _reinstall),
}
