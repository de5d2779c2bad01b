"""The log pane under load: another process writes 5,000 lines per second for 20 seconds."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui import sites
from benchmarks.tui.figures import Figure
from benchmarks.tui.probe import probed
from benchmarks.tui.terminal import Terminal

RATE, SECONDS, BATCH = 5_000, 20, 250
LINE = "[+] sid:{sid}  {n}. Configure DNS records        success (clone -> set_dns)                [0.31s]"
KEPT = 10_000
_INSERT = "INSERT INTO event (at, kind, level, text, vm, service, data) VALUES (?, 'step', 'success', ?, 1, ?, '{}')"


def figures(folder: Path) -> Iterator[Figure]:
    """The longest unresponsive period, memory, and whether the last line written reached the pane."""
    home, report = sites.ready(folder / "home", 100), folder / "report"
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
    values = dict(line.split() for line in report.read_text().splitlines() if not line.startswith("shown"))
    yield Figure("lines written per second, 5,000 wanted", RATE * SECONDS / took, unit="/s")
    yield Figure("lines that did not reach the pane", RATE * SECONDS - int(values["lines"]), 0)
    yield Figure("lines kept in the pane", int(values["kept"]), KEPT)
    yield Figure("longest unresponsive period", float(values["gap"]), 150, "ms")
    yield Figure("memory growth", after - before, 40, "MB")


def _fire(file: Path, opened: Terminal) -> float:
    """Write in a thread while the terminal is read; the seconds the writing took."""
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
    sid = sites.FIRST + n % 100
    return int(time.time() * 1000), LINE.format(sid=sid, n=n), sid
