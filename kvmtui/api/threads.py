"""Runs the engine's synchronous calls in a bounded pool of threads, each within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from kvmtui.api.problems import ApiError

T = TypeVar("T")
SECONDS = 30.0
_WAITING = 512  # calls that may wait for a thread
_LATE = (
    "The request did not end within {seconds:.0f} s. It may still take effect: "
    "retry it with the same Idempotency-Key."
)
_BUSY = "Too many requests are being worked on. Retry in a second."


class Threads:
    """A pool that refuses work when its queue is full, and gives up waiting when a call takes too long."""

    def __init__(self, size: int, seconds: float = SECONDS) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="kvmtui-api")
        self._most = size + _WAITING
        self._seconds = seconds
        self._open = 0

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, run in a thread; 503 when too many wait, 504 when it takes too long.

        A call that took too long is not interrupted: it ends by itself, and its result is dropped.
        """
        if self._open >= self._most:
            raise ApiError(503, _BUSY, {"Retry-After": "1"})
        self._open += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._ended)
        done, _ = await asyncio.wait({future}, timeout=self._seconds)
        if not done:
            raise ApiError(504, _LATE.format(seconds=self._seconds))
        return future.result()

    def _ended(self, future: asyncio.Future[T]) -> None:
        self._open -= 1
        if not future.cancelled():
            future.exception()  # a call nobody waits for any more may fail without a warning

    def close(self) -> None:
        """Refuse new work; calls that run end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
