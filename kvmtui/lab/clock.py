"""The lab's own time: it can run faster than ours, stand still and be pushed forward by hand.

Everything that takes time in the simulated cluster (tasks, waits for locks, the slow refusal of a bad login)
sleeps here, so a whole deployment can take a second or be stepped through one event at a time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from typing import Any

from fakepve.model import TaskError

# Loop turns given to the tasks that a step woke, so that they can go to sleep again before the next step.
SETTLE_TURNS = 12


class Clock:
    """Virtual seconds since 1970; speed 0 or infinity means that sleeping takes no time at all."""

    def __init__(self, speed: float = 1.0, *, paused: bool = False) -> None:
        if speed < 0 or math.isnan(speed):
            raise ValueError(f"The lab's speed must be 0 or more, not {speed}.")
        self.instant = not paused and (speed == 0 or math.isinf(speed))
        self._rate = 0.0 if paused else 1.0 if self.instant else speed
        self._base = time.time()
        self._since = time.monotonic()
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._interrupted: dict[asyncio.Task[Any], str] = {}

    def interrupt(self, sleeper: asyncio.Task[Any], text: str) -> None:
        """Wake a task from its sleep or wait with an error of this text, as SIGTERM ends a worker."""
        self._interrupted[sleeper] = text
        sleeper.cancel()

    def raise_if_interrupted(self) -> None:
        """Turn the cancellation of the current task into the error of an interrupted worker, if it is one."""
        current = asyncio.current_task()
        if current is not None and current in self._interrupted:
            current.uncancel()
            raise TaskError(self._interrupted.pop(current)) from None

    def now(self) -> float:
        """The virtual time in seconds since 1970."""
        return self._base + (time.monotonic() - self._since) * self._rate

    @property
    def sleeping(self) -> int:
        """How many are asleep."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait this many virtual seconds."""
        if self.instant or seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now() + seconds, next(self._order), waiter))
        self._arm()
        try:
            await waiter
        except asyncio.CancelledError:
            self.raise_if_interrupted()
            raise

    async def wait_for(self, waiter: asyncio.Future[None], seconds: float) -> bool:
        """Wait for a future at most this many virtual seconds; says whether it was done in time."""
        if self.instant:
            # Nothing takes time here, so a wait that would need some is given a moment of ours.
            await asyncio.wait({waiter}, timeout=0.2)
            return waiter.done()
        alarm = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({waiter, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        return waiter.done()

    async def advance(self, seconds: float) -> None:
        """Push the time forward, waking every sleeper on the way in its order."""
        target = self.now() + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            self._jump(max(self._sleepers[0][0], self.now()))
            self._wake()
            await self._settle()
        self._jump(max(target, self.now()))
        self._arm()

    def _jump(self, moment: float) -> None:
        self._base, self._since = moment, time.monotonic()

    async def _settle(self) -> None:
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)

    def _wake(self) -> None:
        now = self.now() + 1e-6
        while self._sleepers and self._sleepers[0][0] <= now:
            waiter = heapq.heappop(self._sleepers)[2]
            if not waiter.done():
                waiter.set_result(None)

    def _ring(self) -> None:
        self._alarm = None
        self._wake()
        self._arm()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._sleepers and self._rate:
            delay = (self._sleepers[0][0] - self.now()) / self._rate
            self._alarm = asyncio.get_running_loop().call_later(max(0.0, delay), self._ring)
