"""`kvmtui --demo`: from start to a dashboard with figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui.figures import Figure, ms
from benchmarks.tui.sites import COUNTED
from benchmarks.tui.terminal import terminal

ROUNDS = 3


def figures(folder: Path) -> Iterator[Figure]:
    """Seconds until the dashboard shows its figures, and until the engine runs."""
    took = [_started() for _ in range(ROUNDS)]
    yield Figure("demo: dashboard with figures, median", ms([numbers for numbers, _ in took]) / 1000, 3, "s")
    yield Figure("demo: engine running, median", ms([engine for _, engine in took]) / 1000, unit="s")


def _started() -> tuple[float, float]:
    with terminal("-m", "kvmtui", "--demo") as opened:
        numbers = opened.until(COUNTED, settle=False)
        engine = opened.until(b"engine here", settle=False)
        opened.press(b"q")
        opened.ended()
    return numbers, engine
