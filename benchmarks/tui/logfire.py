"""The log pane under fire: an engine elsewhere writes 5,000 lines a second for twenty seconds."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui import homes
from benchmarks.tui.figures import Figure
from benchmarks.tui.probe import probed
from benchmarks.tui.terminal import Terminal

RATE, SECONDS, BATCH = 5_000, 20, 250
LINE = "[+] sid:{sid}  {n}. Configure DNS records        success (clone -> set_dns)                [0.31s]"
KEPT = 10_000
_INSERT = "INSERT INTO event (at, kind, level, text, vm, service, data) VALUES (?, 'step', 'success', ?, 1, ?, '{}')"


def figures(folder: Path) -> Iterator[Figure]:
    """The longest time without an answer, memory, and whether the end of the log is the end of what was written."""
    home, report = homes.standing(folder / "home", 100), folder / "report"
    with probed(home, report, "--read-only") as opened:
        opened.until(b"VMs (2) 100")
        opened.press(b"L")
        opened.settle(1.5)
        before = opened.memory()
        took = _fire(home / "kvmtui.db", opened)
        opened.settle(3.0)
        after = opened.memory()
        opened.press(b"q")
        opened.ended()
    told = dict(line.split() for line in report.read_text().splitlines() if not line.startswith("shown"))
    yield Figure("lines written a second, at least 5,000 wanted", RATE * SECONDS / took, unit="/s")
    yield Figure("lines of the written that never came to the pane", RATE * SECONDS - int(told["lines"]), 0)
    yield Figure("lines kept in the pane", int(told["kept"]), KEPT)
    yield Figure("longest time the screen answered to nothing", float(told["gap"]), 150, "ms")
    yield Figure("memory the flood took", after - before, 40, "MB")


def _fire(file: Path, opened: Terminal) -> float:
    """Writes while the terminal is read, as a terminal does; the seconds the writing took."""
    took: list[float] = []
    writing = threading.Thread(target=lambda: took.append(_write(file)))
    writing.start()
    while writing.is_alive():
        opened.read(0.05)
    return took[0]


def _write(file: Path) -> float:
    began = time.perf_counter()
    with sqlite3.connect(file, timeout=10, isolation_level=None) as base:
        base.execute("PRAGMA synchronous = off")
        for batch in range(RATE * SECONDS // BATCH):
            base.execute("BEGIN IMMEDIATE")
            base.executemany(_INSERT, [_event(batch * BATCH + n) for n in range(BATCH)])
            base.execute("COMMIT")
            time.sleep(max(0.0, began + (batch + 1) * BATCH / RATE - time.perf_counter()))
    base.close()
    return time.perf_counter() - began


def _event(n: int) -> tuple[int, str, int]:
    sid = homes.FIRST + n % 100
    return int(time.time() * 1000), LINE.format(sid=sid, n=n), sid
