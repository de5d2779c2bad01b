"""The last day of the demo's cluster, as an engine would have kept it."""

from __future__ import annotations

import math
import random

from engine.clock import now_ms
from engine.queries.capacity import SLOT_MS
from engine.schedule.capacity import DAY_MS, measured
from engine.store.database import session, transaction
from engine.store.models import Capacity, Server
from engine.work.servers import Servers

_GROWTH = {"node": 0.1, "storage": 0.04, "pool": 0.2}
"""The share of what is used now that came in the last day."""


def remember() -> None:
    """Keep a day of figures that leads to what the cluster says now."""
    chance, now, handles = random.Random("yesterday"), now_ms(), Servers()
    rows = []
    with session():
        server = Server.get()
        today = measured(server.id, handles.cluster(server).overview())
    handles.close()
    for at in range(now - now % SLOT_MS - DAY_MS + SLOT_MS, now, SLOT_MS):
        past = (now - at) / DAY_MS
        wave = 1 + math.sin(at / DAY_MS * 2 * math.pi)
        for row in today:
            used = round(row["used"] * (1 - _GROWTH[row["kind"]] * past))
            cpu = row["cpu"]
            if cpu is not None:
                cpu = min(1.0, cpu * (0.5 + wave * chance.uniform(0.6, 1.4)))
            rows.append(
                {
                    "server": server.id,
                    "at": at,
                    "seen_at": min(now, at + SLOT_MS),
                    **row,
                    "used": used,
                    "cpu": cpu,
                }
            )
    with transaction():
        Capacity.insert_many(rows).execute()
