"""Queries a cluster in the background, so that neither keys nor the exit ever wait for a silent host."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """The result of `work`, or what it raises; a console that ends does not wait for it."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def post(take: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the console has ended
            loop.call_soon_threadsafe(lambda: None if answer.done() else take())

    def run() -> None:
        try:
            found = work()
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            why = error
            post(lambda: answer.set_exception(why))
        else:
            post(lambda: answer.set_result(found))

    threading.Thread(target=run, name="asking", daemon=True).start()
    return await answer
