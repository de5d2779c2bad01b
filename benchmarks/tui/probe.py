"""Run the console with instrumentation, for measurements that cannot be taken from the terminal.

    python -m benchmarks.tui.probe REPORT ARGUMENTS…

Runs `kvmtui ARGUMENTS` unchanged and writes the file REPORT when it ends:

    shown 7.31      ms from the arrival of a VM's event in the console to the write that shows its new status
    gap 41.0        the longest time in ms for which the UI thread was blocked
    lines 100000    number of the last event in the log pane, in lines since the start
    kept 10000      lines kept in the log pane
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
"""Prefix of the statuses that a benchmark writes, to recognise the write that shows one."""
TICK = 0.01


class Probe:
    """Times of what happens inside the console."""

    def __init__(self) -> None:
        self.shown: list[float] = []
        self.gap = self._last = 0.0
        self._received_at: float | None = None

    def event_received(self) -> None:
        """Record that an event of a VM has arrived."""
        self._received_at = time.perf_counter()

    def wrote(self, data: str) -> None:
        """Record what is written to the terminal."""
        if self._received_at is not None and MARK in data:
            self.shown.append(time.perf_counter() - self._received_at)
            self._received_at = None

    def tick(self) -> None:
        """Record that the UI thread is running."""
        now = time.perf_counter()
        self.gap = max(self.gap, now - self._last - TICK if self._last else 0.0)
        self._last = now


def install(probe: Probe) -> None:
    """Instrument the console where events arrive and where bytes are written."""
    from textual.drivers.linux_driver import LinuxDriver

    from screens.shell.console import Console

    receive, write, begin = Console._receive_events, LinuxDriver.write, Console._begin

    def received(console: Console, batch: Any, error: str) -> None:
        if batch.services:
            probe.event_received()
        receive(console, batch, error)

    def wrote(driver: LinuxDriver, data: str) -> None:
        write(driver, data)
        probe.wrote(data)

    async def begun(console: Console) -> None:
        await begin(console)
        console.set_interval(TICK, probe.tick)

    Console._receive_events, Console._begin = received, begun  # type: ignore[method-assign]
    LinuxDriver.write = wrote  # type: ignore[method-assign]


def main(report: str, *arguments: str) -> int:
    """Run the console and write the report."""
    from kvmtui.app import FRAMES

    os.environ.setdefault("TEXTUAL_FPS", FRAMES)  # before Textual is imported, as the console does
    from kvmtui.terminal.exits import run
    from screens.widgets.log import LogPane

    probe, panes = Probe(), []
    made = LogPane.__init__

    def kept(pane: LogPane, *given: Any, **named: Any) -> None:
        made(pane, *given, **named)
        panes.append(pane)

    LogPane.__init__ = kept  # type: ignore[method-assign]
    install(probe)
    status = run(list(arguments))
    lines = [f"shown {each * 1000:.2f}" for each in probe.shown] + [f"gap {probe.gap * 1000:.1f}"]
    for pane in panes:
        lines += [f"lines {pane.last_seq // 1_000}", f"kept {len(pane.view._lines)}"]
    Path(report).write_text("\n".join(lines) + "\n")
    return int(status or 0)


@contextmanager
def probed(home: Path, report: Path, *arguments: str) -> Iterator[Terminal]:
    """The console with instrumentation, on this KVMTUI_HOME."""
    command = ("-m", "benchmarks.tui.probe", str(report), *arguments)
    with terminal(*command, environment={"KVMTUI_HOME": str(home)}) as opened:
        yield opened


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
