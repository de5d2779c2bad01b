"""A token bucket for each API token, so that one shop cannot take all of the server."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from kvmtui.api.problems import ApiError

_BURST_S = 2.0  # a token that was quiet may send this many seconds' worth at once
_MOST = 10_000  # buckets that are remembered


class Rates:
    """Counts the requests of each token."""

    def __init__(self, per_second: int) -> None:
        self._rate = per_second
        self._burst = max(1.0, per_second * _BURST_S)
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, token: object) -> None:
        """Count one request; 429 when the token has sent too many."""
        if self._rate == 0:
            return
        with self._lock:
            now = time.monotonic()
            left, at = self._buckets.pop(token, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            self._buckets[token] = (left - 1 if left >= 1 else left, now)
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
        if left < 1:
            raise ApiError(
                429,
                f"This token sent more than {self._rate} requests per second. Retry in a second.",
                {"Retry-After": "1"},
            )
