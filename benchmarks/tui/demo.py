"""`kvmtui --demo`: from the shell to a dashboard with numbers over a world that was made meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui.figures import Figure, ms
from benchmarks.tui.homes import COUNTED
from benchmarks.tui.terminal import terminal

ROUNDS = 3


def figures(folder: Path) -> Iterator[Figure]:
    """Seconds until the numbers stand there, and until the engine works on them."""
    took = [_started() for _ in range(ROUNDS)]
    yield Figure("demo to a living dashboard, median", ms([numbers for numbers, _ in took]) / 1000, 3, "s")
    yield Figure("demo until its engine works, median", ms([engine for _, engine in took]) / 1000, unit="s")


def _started() -> tuple[float, float]:
    with terminal("-m", "kvmtui", "--demo") as opened:
        numbers = opened.until(COUNTED, settle=False)
        engine = opened.until(b"engine here", settle=False)
        opened.press(b"q")
        opened.ended()
    return numbers, engine
