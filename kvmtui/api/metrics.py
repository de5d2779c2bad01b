"""What this process counts for `/metrics`; Prometheus's client is loaded by the first request that reads it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

from engine.queries.events import EventView

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STEP_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 180, 600, 1800)
_REQUEST_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
_RESULTS = ("success", "skip", "waiting", "error")
_OTHER = "other"


class Distribution:
    """How often a number of seconds was at most each bound."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one more."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Each bound with how many were at most that; the last one is how many there were."""
        names = [*(str(float(each)) for each in self._bounds), "+Inf"]
        return list(zip(names, accumulate(map(float, self._counts)), strict=True))


class Metrics:
    """What one API server counts. Only the event loop's thread counts; any thread may read."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.certificate = certificate
        self.requests: Counter[tuple[str, ...]] = Counter()
        """By method, operation and status."""
        self.request_seconds = Distribution(_REQUEST_SECONDS)
        self.steps: Counter[str] = Counter(dict.fromkeys(_RESULTS, 0))
        self.step_seconds = Distribution(_STEP_SECONDS)

    def answered(self, scope: Any, status: int, seconds: float) -> None:
        """Count a request by its operation; what matched none is one series."""
        route = scope.get("route")
        name = getattr(route, "name", _OTHER)
        method = scope["method"] if route is not None else _OTHER
        self.requests[method, name, str(status)] += 1
        if name not in ("follow_events", "show_request"):
            self.request_seconds.observe(seconds)

    def happened(self, events: list[EventView]) -> None:
        """Count the steps among events."""
        for event in events:
            if event.kind == "step" and event.level in _RESULTS:
                self.step_seconds.observe(float(event.data.get("seconds", 0.0)))
                self.steps[event.level] += 1
