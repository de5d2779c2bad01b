"""VM Management with 100,000 VMs in the database, compared with 100."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui import sites
from benchmarks.tui.figures import Figure, ms
from benchmarks.tui.probe import probed
from benchmarks.tui.terminal import Terminal, console

MANY, FEW, ROUNDS = 100_000, 100, 5
WORDS = (b"vps-99", b"99", b"client 04", b"10.1.1", b"ready", b"zzz")


def figures(folder: Path) -> Iterator[Figure]:
    """Open, filter, scroll, one changed row, memory."""
    few, many = sites.ready(folder / "few", FEW), sites.ready(folder / "many", MANY)
    yield from _opening(few, many)
    yield from _used(few, many)
    yield from _one_changed(many, folder / "report")


def _opening(few: Path, many: Path) -> Iterator[Figure]:
    with console(few, "--read-only") as one, console(many, "--read-only") as other:
        one.until(b"VMs (2) 100")
        other.until(b"VMs (2) 100,000")
        pairs = [(_opened(one), _opened(other)) for _ in range(4 * ROUNDS)]
    yield Figure("open 100 VMs, median", ms([small for small, _ in pairs]), unit="ms")
    yield Figure("open 100,000 VMs, median", ms([large for _, large in pairs]), unit="ms")
    yield Figure("open 100,000 / open 100", statistics.median(large / small for small, large in pairs), 2.0)


def _opened(opened: Terminal) -> float:
    """Seconds from the key to the first rows; then return to the dashboard."""
    opened.press(b"2")
    took = opened.shown(b"vps-5001")
    opened.settle(0.3)
    opened.press(b"1")
    opened.settle(0.3)
    return took


def _used(few: Path, many: Path) -> Iterator[Figure]:
    with console(few, "--read-only") as empty:
        empty.until(b"VMs (2) 100")
        empty.press(b"2")
        empty.shown(b"vps-5001")
        empty.settle()
        least = empty.memory()
    with console(many, "--read-only") as opened:
        opened.until(b"VMs (2) 100,000")
        opened.press(b"2")
        opened.shown(b"vps-5001")
        opened.settle()
        yield Figure(
            "cursor key to last byte, median", ms([opened.key(b"j")[1] for _ in range(40)]), 30, "ms"
        )
        pages = [opened.key(key)[1] for _ in range(20) for key in (b"\x1b[6~", b"\x1b[5~", b"\x1b[6~")]
        yield Figure("page key to last byte, median", ms(pages), 30, "ms")
        ends = [opened.key(key)[1] for _ in range(5) for key in (b"\x1b[F", b"\x1b[H")]
        yield Figure("jump to either end, median", ms(ends), unit="ms")
        opened.key(b"/")
        typed = [took for words in WORDS for took in _typed(opened, words)]
        yield Figure("filter key to new rows, median", ms(typed), unit="ms")
        yield Figure("filter key to new rows, p95", ms(typed, 0.95), 100, "ms")
        opened.key(b"\x1b")
        opened.settle()
        yield Figure("memory above the console with 100 VMs", opened.memory() - least, 60, "MB")


def _typed(opened: Terminal, words: bytes) -> Iterator[float]:
    """Type a word and delete it; seconds from each key to its last byte."""
    for key in words:
        yield opened.key(bytes([key]))[1]
    for _ in words:
        yield opened.key(b"\x7f")[1]


def _one_changed(home: Path, report: Path) -> Iterator[Figure]:
    """Another process changes a visible row: from the event's arrival in the console to the bytes of its row."""
    with probed(home, report, "--read-only") as opened:
        opened.until(b"VMs (2) 100,000")
        opened.press(b"2")
        opened.shown(b"vps-5001")
        opened.settle(1.5)
        seen = []
        for turn in range(20):
            begun = time.perf_counter()
            changed(home / "kvmtui.db", (3 + turn % 5,), f"turn_{turn:03d}")
            opened.shown(f"turn_{turn:03d}".encode())
            seen.append(time.perf_counter() - begun)
            opened.settle(1.2)
        opened.press(b"q")
        opened.ended()
    took = [
        float(line.split()[1]) / 1000 for line in report.read_text().splitlines() if line.startswith("shown ")
    ]
    yield Figure("one changed VM, event to frame, median", ms(took), 10, "ms")
    yield Figure("the same, from the other process's commit, median", ms(seen), unit="ms")


def changed(file: Path, ids: tuple[int, ...], status: str) -> None:
    """Change the status of VMs and write their events in one transaction, like an engine in another process."""
    with sqlite3.connect(file, timeout=10) as base:
        for vm_id in ids:
            base.execute("UPDATE vm SET vm_status = ?, revision = revision + 1 WHERE id = ?", (status, vm_id))
            base.execute(
                "INSERT INTO event (at, kind, level, text, vm, service, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (int(time.time() * 1000), "step", "success", "", vm_id, sites.FIRST + vm_id - 1, "{}"),
            )
    base.close()
