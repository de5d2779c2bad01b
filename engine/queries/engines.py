"""Which engines run, where, and whether their hearts beat."""

from __future__ import annotations

from dataclasses import dataclass

from engine.clock import now_ms
from engine.store.database import session
from engine.store.models import Worker
from engine.work.claims import STALE_MS


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

    @property
    def fresh(self) -> bool:
        """Whether it showed itself lately."""
        return now_ms() - self.heartbeat_at <= STALE_MS


def engines() -> list[EngineView]:
    """Every engine whose heart beats, daemons first."""
    with session():
        rows = [EngineView(**row) for row in Worker.select().dicts()]
    order = {"daemon": 0, "console": 1, "cron": 2}
    return sorted((row for row in rows if row.fresh), key=lambda row: (order[row.kind], row.started_at))


def one_runs() -> bool:
    """Whether a request will be seen at once."""
    return bool(engines())
