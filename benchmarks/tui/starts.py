"""Start and exit of the console with 25 VMs, compared with a bare Textual app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui import sites
from benchmarks.tui.figures import Figure, median_ratio, ms
from benchmarks.tui.terminal import Terminal, console, terminal

ROUNDS = 7


def figures(folder: Path) -> Iterator[Figure]:
    """First useful paint relative to the bare app, and time to exit while the engine runs in this process."""
    home = sites.ready(folder / "small", 25)
    with console(home, "--read-only") as warm:
        warm.until(sites.COUNTED)
    starts = [(_dashboard(home), _bare()) for _ in range(ROUNDS)]
    yield Figure("bare app, start to text, median", ms([bare for _, bare in starts]), unit="ms")
    yield Figure("dashboard with figures, median", ms([ours for ours, _ in starts]), unit="ms")
    yield Figure("first useful paint / bare app", median_ratio(starts), 1.8)
    ends = [_exited(home) for _ in range(ROUNDS)]
    yield Figure("q to exit, engine running, median", ms(ends) / 1000, 0.5, "s")
    yield Figure("q to exit, engine running, longest", max(ends), unit="s")


def _bare() -> float:
    with terminal("-m", "benchmarks.tui.bare") as opened:
        return opened.until(b"vm-0", settle=False)


def _dashboard(home: Path) -> float:
    with console(home) as opened:
        return opened.until(sites.COUNTED, settle=False)


def _exited(home: Path) -> float:
    with console(home) as opened:
        engine_here(opened)
        opened.press(b"q")
        return opened.ended()


def engine_here(opened: Terminal) -> None:
    """Wait until the console's own engine runs and the page is complete."""
    opened.until(b"engine here")
