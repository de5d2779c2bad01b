"""Which engines run, and where."""

from __future__ import annotations

from dataclasses import dataclass

from engine.work import workers


@dataclass(frozen=True, slots=True)
class EngineView:
    """One process that runs the engine."""

    id: str
    kind: str
    host: str
    pid: int
    version: str
    started_at: int
    heartbeat_at: int


def engines() -> list[EngineView]:
    """Every engine with a fresh heartbeat, daemons first."""
    rows = [
        EngineView(row.id, row.kind, row.host, row.pid, row.version, row.started_at, row.heartbeat_at)
        for row in workers.fresh()
    ]
    order = {"daemon": 0, "console": 1, "cron": 2}
    return sorted(rows, key=lambda row: (order[row.kind], row.started_at))


def one_runs() -> bool:
    """Whether a request will be seen at once."""
    return bool(engines())
