"""`/metrics` for Prometheus: the site's gauges, and what this process counted, in a registry of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client import Gauge as PrometheusGauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from engine.certificates import pem_expires_at
from engine.queries.events import EventView
from engine.queries.metrics import SiteGauge, gauges

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "kvmtui_"
_FRESH_S = 5.0  # a monitor that asks more often than this gets the same gauges
_STEP_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 180, 600, 1800)
_REQUEST_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
_RESULTS = ("success", "skip", "waiting", "error")
_OTHER = "other"


class _SiteCollector(Collector):
    """The gauges of the site, read again when they are older than a few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: list[SiteGauge] = []
        self._at = float("-inf")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as Prometheus's client writes them."""
        with self._lock:
            if time.monotonic() - self._at > _FRESH_S:
                self._read, self._at = gauges(), time.monotonic()
            found = self._read
        for gauge in found:
            family = GaugeMetricFamily(_PREFIX + gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.samples:
                family.add_metric(labels, value)
            yield family


class Metrics:
    """What one API server counts, and the site it serves."""

    def __init__(self, certificate: Path | None = None) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_SiteCollector())
        self._requests = Counter(
            f"{_PREFIX}api_requests",
            "Requests that the API answered.",
            ("method", "operation", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}api_request_seconds",
            "Seconds until the API had answered; streams and long polls are left out.",
            registry=self._registry,
            buckets=_REQUEST_SECONDS,
        )
        self._steps = Counter(
            f"{_PREFIX}steps",
            "Steps of pipelines that ended since the API started.",
            ("result",),
            registry=self._registry,
        )
        self._step_seconds = Histogram(
            f"{_PREFIX}step_seconds",
            "Seconds that steps took since the API started.",
            registry=self._registry,
            buckets=_STEP_SECONDS,
        )
        for result in _RESULTS:
            self._steps.labels(result)
        if certificate is not None:
            name = f"{_PREFIX}api_certificate_expiry_timestamp_seconds"
            expiry = PrometheusGauge(name, "When the API's certificate expires.", registry=self._registry)
            expiry.set_function(partial(_expires, certificate))

    def answered(self, scope: Any, status: int, seconds: float) -> None:
        """Count a request by its operation; what matched none is one series."""
        route = scope.get("route")
        name = getattr(route, "name", _OTHER)
        method = scope["method"] if route is not None else _OTHER
        self._requests.labels(method, name, str(status)).inc()
        if name not in ("follow_events", "show_request"):
            self._seconds.observe(seconds)

    def happened(self, events: list[EventView]) -> None:
        """Count the steps among events."""
        for event in events:
            if event.kind == "step" and event.level in _RESULTS:
                self._steps.labels(event.level).inc()
                self._step_seconds.observe(float(event.data.get("seconds", 0.0)))

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self._registry)


def _expires(certificate: Path) -> float:
    return (pem_expires_at(certificate) or 0) / 1000
