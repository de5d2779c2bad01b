"""Asks a cluster beside the keys, so that neither a key nor the way out ever waits for a host that is silent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """What work answers or raises; a console that ends leaves it behind instead of waiting for it."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(take: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the console has ended meanwhile
            loop.call_soon_threadsafe(lambda: None if answer.done() else take())

    def run() -> None:
        try:
            found = work()
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            why = error
            tell(lambda: answer.set_exception(why))
        else:
            tell(lambda: answer.set_result(found))

    threading.Thread(target=run, name="asking", daemon=True).start()
    return await answer
