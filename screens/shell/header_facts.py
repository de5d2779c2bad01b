"""The facts of the first two lines: where the engine runs, its heartbeat, alerts, and how long each list is."""

from __future__ import annotations

from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.queries import dashboard
from engine.queries.engines import EngineView, engines
from engine.queries.totals import totals
from screens.widgets.header import Facts


def read(site: str, own: str, read_only: bool) -> Facts | None:
    """Reads them; None when the database does not answer, which the feed reports."""
    try:
        found, alerts, lengths = engines(), dashboard.alerts(), totals()
    except KvmtuiError:
        return None
    return Facts(site, where(found, own), heartbeat(found), alerts, read_only, totals=lengths)


def where(engines: list[EngineView], own: str) -> str:
    """Where the engine runs: a daemon first, then this console, then another one."""
    daemons = [each for each in engines if each.kind == "daemon"]
    if daemons:
        more = f" +{len(daemons) - 1}" if len(daemons) > 1 else ""
        return f"daemon on {daemons[0].host}{more}"
    if any(each.id == own for each in engines):
        return "here"
    return f"{engines[0].kind} on {engines[0].host}" if engines else "none"


def heartbeat(engines: list[EngineView]) -> int | None:
    """Seconds since the newest heartbeat of any engine."""
    newest = max((each.heartbeat_at for each in engines), default=None)
    return None if newest is None else max(0, (now_ms() - newest) // 1000)
