"""How many calls a Cloudflare token may still make.

Cloudflare counts 1200 calls in five minutes for a token's user, the dashboard included, and blocks every
call for five minutes beyond that. The bucket stays under it and obeys what each answer says about the rest.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Mapping

RATE = 3.6
BURST = 100.0
ALMOST = 1e-6  # sums of fractions fall short of one by a hair, and waiting for a hair never ends
_REMAINING = re.compile(r"\br=(\d+)")
_RESET = re.compile(r"\bt=(\d+)")
_buckets: dict[str, TokenBucket] = {}
_lock = threading.Lock()


class TokenBucket:
    """Calls that may be made now, refilled at an even rate; safe for several threads."""

    def __init__(
        self, rate: float = RATE, burst: float = BURST, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._calls = burst
        self._refilled = now()
        self._closed_until = 0.0
        self._guard = threading.Lock()

    def take(self) -> float:
        """Books one call and answers 0, or books nothing and answers how many seconds to wait."""
        with self._guard:
            self._refill()
            closed = self._closed_until - self._now()
            if closed > 0:
                return closed
            if self._calls > 1 - ALMOST:
                self._calls -= 1
                return 0.0
            return (1 - self._calls) / self._rate

    def _refill(self) -> None:
        now = self._now()
        self._calls = min(self._burst, self._calls + (now - self._refilled) * self._rate)
        self._refilled = now

    def close(self, seconds: float) -> None:
        """No call for this long: the provider requested it."""
        with self._guard:
            self._closed_until = max(self._closed_until, self._now() + max(0.0, seconds))

    def observe(self, headers: Mapping[str, str]) -> None:
        """Takes over what an answer's `Ratelimit` header says is left, which counts other clients too."""
        said = headers.get("ratelimit", "")
        remaining, reset = _REMAINING.search(said), _RESET.search(said)
        if not remaining:
            return
        left = int(remaining[1])
        with self._guard:
            self._refill()
            self._calls = min(self._calls, float(left))
        if left == 0 and reset:
            self.close(int(reset[1]))

    @property
    def left(self) -> float:
        """How many calls may be made at once."""
        with self._guard:
            self._refill()
            return self._calls


def bucket_of(secret: str) -> TokenBucket:
    """The one bucket of a token in this process; the token itself is not kept."""
    name = hashlib.sha256(secret.encode()).hexdigest()
    with _lock:
        return _buckets.setdefault(name, TokenBucket())
