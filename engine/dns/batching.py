"""Sends changes in batches, and finds the bad one when a batch is refused as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.dns.errors import ProviderError

T = TypeVar("T")


def chunks(items: Sequence[T], most: int, largest: int, size: Callable[[T], int]) -> list[list[T]]:
    """The items in order, in groups of at most `most` items and `largest` bytes."""
    groups: list[list[T]] = []
    filled = 0
    for item in items:
        weight = size(item)
        if not groups or len(groups[-1]) >= most or filled + weight > largest:
            groups.append([])
            filled = 0
        groups[-1].append(item)
        filled += weight
    return groups


def send_bisected(
    items: Sequence[T], send: Callable[[Sequence[T]], None], fail: Callable[[T, ProviderError], None]
) -> None:
    """Sends all items at once; a refused batch is halved until each bad item stands alone, the others being
    sent.

    An error that every further call would meet again ends the search: all that is left fails with it.
    """
    try:
        send(items)
    except ProviderError as error:
        if error.stops_everything or len(items) == 1:
            for item in items:
                fail(item, error)
            if error.stops_everything:
                raise
            return
        half = len(items) // 2
        try:
            send_bisected(items[:half], send, fail)
        except ProviderError as stop:
            for item in items[half:]:
                fail(item, stop)
            raise
        send_bisected(items[half:], send, fail)
