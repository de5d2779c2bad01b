"""From the shell to numbers, and back: a console over a site of 25 machines against a bare Textual app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui import homes
from benchmarks.tui.figures import Figure, median_ratio, ms
from benchmarks.tui.terminal import Terminal, console, terminal

ROUNDS = 7


def figures(folder: Path) -> Iterator[Figure]:
    """First useful paint as a ratio, and how long `q` takes while the engine works here."""
    home = homes.standing(folder / "small", 25)
    with console(home, "--read-only") as warm:
        warm.until(homes.COUNTED)
    starts = [(_numbers(home), _bare()) for _ in range(ROUNDS)]
    yield Figure("bare app, spawn to text, median", ms([bare for _, bare in starts]), unit="ms")
    yield Figure("dashboard with numbers, median", ms([ours for ours, _ in starts]), unit="ms")
    yield Figure("first useful paint / bare app", median_ratio(starts), 1.8)
    ends = [_left(home) for _ in range(ROUNDS)]
    yield Figure("q to the shell, engine running, median", ms(ends) / 1000, 0.5, "s")
    yield Figure("q to the shell, engine running, longest", max(ends), unit="s")


def _bare() -> float:
    with terminal("-m", "benchmarks.tui.bare") as opened:
        return opened.until(b"vm-0", settle=False)


def _numbers(home: Path) -> float:
    with console(home) as opened:
        return opened.until(homes.COUNTED, settle=False)


def _left(home: Path) -> float:
    with console(home) as opened:
        engine_here(opened)
        opened.press(b"q")
        return opened.ended()


def engine_here(opened: Terminal) -> None:
    """Waits until the console's own engine works and the page is complete."""
    opened.until(b"engine here")
