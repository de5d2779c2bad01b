"""Waiting in tests for what another thread or process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def until(holds: Callable[[], object], within: float = 60.0) -> None:
    """Wait until something holds; a test that is right waits only as long as that takes."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"it does not hold after {within:g} s"
        time.sleep(0.01)


async def soon(holds: Callable[[], object], within: float = 60.0) -> None:
    """The same in a coroutine, while its loop runs."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"it does not hold after {within:g} s"
        await asyncio.sleep(0.005)
