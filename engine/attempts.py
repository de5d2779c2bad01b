"""Counts wrong tries by where they come from, so that guessing is slow; in memory, bounded."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

MOST_SOURCES = 10_000
_IPV6_SITE = 64  # one subscriber has a whole /64


class Attempts:
    """Up to `most` wrong tries from one source within `window_s` seconds."""

    def __init__(self, most: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Seconds until this source may try again; 0 when it may now."""
        with self._lock:
            times = self._wrong.get(_source(address))
            if times is None:
                return 0.0
            now = self._clock()
            self._drop_old(times, now)
            return times[0] + self._window_s - now if len(times) >= self._most else 0.0

    def add(self, address: str) -> None:
        """Note a wrong try; the source that was quiet longest is forgotten when there are too many."""
        source = _source(address)
        with self._lock:
            times = self._wrong.setdefault(source, deque(maxlen=self._most))
            self._wrong.move_to_end(source)
            times.append(self._clock())
            while len(self._wrong) > MOST_SOURCES:
                self._wrong.popitem(last=False)

    def _drop_old(self, times: deque[float], now: float) -> None:
        while times and times[0] <= now - self._window_s:
            times.popleft()


def _source(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    return str(known.ipv4_mapped or ip_network((known, _IPV6_SITE), strict=False))
