"""A poller: one reading at a time, errors shown as a sentence, and everything closed exactly once."""

from __future__ import annotations

import threading
from typing import Any

from textual.widgets import Static

from engine.errors import Failed
from screens.vm.tabs.poller import Poller
from tests.waiting import soon


class Cluster:
    """Something that answers when it is let, and counts."""

    def __init__(self) -> None:
        self.let, self.asked = threading.Event(), threading.Event()
        self.looks = self.closed = 0
        self.error: Exception | None = None

    def look(self) -> str:
        self.looks += 1
        self.asked.set()
        assert self.let.wait(10)
        if self.error is not None:
            raise self.error
        return "seen"

    def close(self) -> None:
        self.closed += 1


def watched(widget: Static, cluster: Cluster, every: float = 3_600.0) -> tuple[Poller[str], list[str]]:
    said: list[str] = []
    watch: Poller[str] = Poller(
        widget,
        cluster.look,
        said.append,
        every=every,
        close=cluster.close,
        fail=lambda words: said.append(f"- {words}"),
    )
    return watch, said


async def test_a_reading_under_way_is_not_doubled_and_the_next_waits_its_time(stage: Any) -> None:
    widget, cluster = Static("x"), Cluster()
    async with stage(widget).run_test(size=(40, 10)) as pilot:
        watch, said = watched(widget, cluster)
        watch.start()
        await soon(cluster.asked.is_set)
        watch.again()
        watch.again()
        assert cluster.looks == 1 and said == []
        cluster.let.set()
        await soon(lambda: said == ["seen", "seen"])  # a request during a reading causes one more
        watch._tick()
        await pilot.pause()
        assert cluster.looks == 2
        watch.stop()
    assert cluster.closed == 1


async def test_what_was_left_during_a_reading_is_closed_after_it(stage: Any) -> None:
    widget, cluster = Static("x"), Cluster()
    async with stage(widget).run_test(size=(40, 10)):
        watch, said = watched(widget, cluster)
        watch.start()
        await soon(cluster.asked.is_set)
        watch.stop()
        assert cluster.closed == 0
        cluster.let.set()
        await soon(lambda: cluster.closed == 1)
        watch.stop()
        watch.again()
        assert (cluster.looks, cluster.closed, said) == (1, 1, [])


async def test_a_refused_reading_is_a_sentence_and_the_next_may_succeed(stage: Any) -> None:
    widget, cluster = Static("x"), Cluster()
    cluster.error = Failed("The cluster is asleep.")
    cluster.let.set()
    async with stage(widget).run_test(size=(40, 10)):
        watch, said = watched(widget, cluster)
        watch.start()
        await soon(lambda: said == ["- The cluster is asleep."])
        cluster.error = None
        watch.again()
        await soon(lambda: said[-1] == "seen")
        watch.stop()
    assert cluster.closed == 1


async def test_a_failing_last_reading_closes_too(stage: Any) -> None:
    widget, cluster = Static("x"), Cluster()
    cluster.error = Failed("gone")
    async with stage(widget).run_test(size=(40, 10)):
        watch, _ = watched(widget, cluster)
        watch.start()
        await soon(cluster.asked.is_set)
        watch.stop()
        cluster.let.set()
        await soon(lambda: cluster.closed == 1)
