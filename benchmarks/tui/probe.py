"""The real console with a watch inside it, for what cannot be seen from the terminal.

    python -m benchmarks.tui.probe REPORT ARGUMENTS…

It runs `kvmtui ARGUMENTS` unchanged and notes in the file REPORT, when it ends:

    shown 7.31      ms from the arrival of a machine's event in the console to the write that shows its new status
    gap 41.0        the longest time in ms for which the screen's thread answered to nothing
    lines 100000    the number of the last event the log pane took over, as lines since the start
    kept 10000      lines the log pane holds
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.tui.terminal import Terminal, terminal

MARK = "turn_"
"""Statuses a benchmark writes begin with it, so that the write that shows one is known."""
TICK = 0.01


class Watch:
    """What happens inside the console, with the times."""

    def __init__(self) -> None:
        self.shown: list[float] = []
        self.gap = self._last = 0.0
        self._told: float | None = None

    def told(self) -> None:
        """An event about a machine has arrived."""
        self._told = time.perf_counter()

    def wrote(self, data: str) -> None:
        """Something goes to the terminal."""
        if self._told is not None and MARK in data:
            self.shown.append(time.perf_counter() - self._told)
            self._told = None

    def tick(self) -> None:
        """The screen's thread is there."""
        now = time.perf_counter()
        self.gap = max(self.gap, now - self._last - TICK if self._last else 0.0)
        self._last = now


def install(watch: Watch) -> None:
    """Instruments the console where events arrive and where bytes are written."""
    from textual.drivers.linux_driver import LinuxDriver

    from screens.shell.console import Console

    receive, write, begin = Console._receive_events, LinuxDriver.write, Console._begin

    def received(console: Console, batch: Any, error: str) -> None:
        if batch.services:
            watch.told()
        receive(console, batch, error)

    def wrote(driver: LinuxDriver, data: str) -> None:
        write(driver, data)
        watch.wrote(data)

    def begun(console: Console) -> None:
        begin(console)
        console.set_interval(TICK, watch.tick)

    Console._receive_events, Console._begin = received, begun  # type: ignore[method-assign]
    LinuxDriver.write = wrote  # type: ignore[method-assign]


def main(report: str, *arguments: str) -> int:
    """Runs the console and leaves the report."""
    from kvmtui.app import FRAMES

    os.environ.setdefault("TEXTUAL_FPS", FRAMES)  # before anything of Textual, as the console itself does
    from kvmtui.terminal.exits import run
    from screens.widgets.log import LogPane

    watch, panes = Watch(), []
    made = LogPane.__init__

    def kept(pane: LogPane, *given: Any, **named: Any) -> None:
        made(pane, *given, **named)
        panes.append(pane)

    LogPane.__init__ = kept  # type: ignore[method-assign]
    install(watch)
    status = run(list(arguments))
    lines = [f"shown {each * 1000:.2f}" for each in watch.shown] + [f"gap {watch.gap * 1000:.1f}"]
    for pane in panes:
        lines += [f"lines {pane.last_seq // 1_000}", f"kept {len(pane.view._lines)}"]
    Path(report).write_text("\n".join(lines) + "\n")
    return int(status or 0)


@contextmanager
def probed(home: Path, report: Path, *arguments: str) -> Iterator[Terminal]:
    """The console on a site's home with a watch inside."""
    command = ("-m", "benchmarks.tui.probe", str(report), *arguments)
    with terminal(*command, environment={"KVMTUI_HOME": str(home)}) as opened:
        yield opened


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
