"""Writers of one process take turns in the order in which they asked."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from engine.store.turns import Turns


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.001)


def test_whoever_has_waited_longest_is_next() -> None:
    turns, order = Turns(), list[int]()

    def write(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=write, args=[n]) for n in range(8)]
    with turns.turn():
        for n, thread in enumerate(threads, 1):
            thread.start()
            until(lambda n=n: len(turns._waiting) == n)  # type: ignore[misc]
    for thread in threads:
        thread.join(10)
    assert order == list(range(8))


def test_an_urgent_turn_goes_before_those_that_wait_and_keeps_its_order() -> None:
    turns, order = Turns(), list[int]()

    def write(number: int) -> None:
        with turns.turn(urgent=number >= 3):
            order.append(number)

    threads = [threading.Thread(target=write, args=[n]) for n in range(6)]
    with turns.turn():
        for n, thread in enumerate(threads, 1):
            thread.start()
            until(lambda n=n: len(turns._waiting) + len(turns._urgent) == n)  # type: ignore[misc]
    for thread in threads:
        thread.join(10)
    assert order == [3, 4, 5, 0, 1, 2] and not turns._taken


def test_one_writes_at_a_time_whatever_the_writers_raise() -> None:
    turns, inside, most = Turns(), [0], [0]

    def write() -> None:
        for n in range(200):
            try:
                with turns.turn():
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
                    if n % 3 == 0:
                        raise ValueError
            except ValueError:
                continue

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1] and not turns._taken


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_wait_that_is_interrupted_holds_nobody_up(handed_over: bool) -> None:
    turns, leave = Turns(), threading.Event()

    def hold() -> None:
        with turns.turn():
            leave.wait(10)

    def interrupt(number: int, frame: object) -> None:
        if handed_over:  # the turn is given in the very moment of the interruption
            leave.set()
            until(lambda: not turns._waiting)
        raise KeyboardInterrupt

    holder = threading.Thread(target=hold)
    holder.start()
    until(lambda: turns._taken)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt), turns.turn():
            raise AssertionError("the turn was somebody else's")
    finally:
        signal.signal(signal.SIGALRM, before)
    leave.set()
    holder.join(10)
    with turns.turn():
        assert turns._taken
