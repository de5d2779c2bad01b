"""`/metrics` as Prometheus reads it: the site's gauges, and what this process counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.certificates import pem_expires_at
from engine.queries.metrics import SiteGauge, gauges
from kvmtui.api.metrics import Distribution, Metrics

_PREFIX = "kvmtui_"
_FRESH_S = 5.0  # a monitor that asks more often than this gets the same gauges


class Exposition:
    """The metrics of one API server and of the site it serves."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_SiteCollector())
        self._registry.register(_ServerCollector(metrics))

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return generate_latest(self._registry)


class _SiteCollector(Collector):
    """The gauges of the site, read again when they are older than a few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: list[SiteGauge] = []
        self._at = float("-inf")

    def collect(self) -> Iterator[Metric]:
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


class _ServerCollector(Collector):
    """What the server counted since it started."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """The counters and histograms as Prometheus's client writes them."""
        counted = self._metrics
        yield _counter(
            "api_requests",
            "Requests that the API answered.",
            ("method", "operation", "status"),
            dict(counted.requests),
        )
        yield _histogram(
            "api_request_seconds",
            "Seconds until the API had answered; streams and long polls are left out.",
            counted.request_seconds,
        )
        yield _counter(
            "steps",
            "Steps of pipelines that ended since the API started.",
            ("result",),
            {(result,): number for result, number in dict(counted.steps).items()},
        )
        yield _histogram(
            "step_seconds", "Seconds that steps took since the API started.", counted.step_seconds
        )
        if counted.certificate is not None:
            yield GaugeMetricFamily(
                f"{_PREFIX}api_certificate_expiry_timestamp_seconds",
                "When the API's certificate expires.",
                (pem_expires_at(counted.certificate) or 0) / 1000,
            )


def _counter(name: str, about: str, labels: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, about, labels=labels)
    for values, number in counts.items():
        family.add_metric(values, number)
    return family


def _histogram(name: str, about: str, counted: Distribution) -> Metric:
    return HistogramMetricFamily(_PREFIX + name, about, counted.buckets(), counted.total)
