"""What the list and the log cost an operator, measured from outside through a real pty at 120×40.

    python -m benchmarks.tui.widgets

A bare Textual app runs in the same turn, so that a busy machine slows both. Exit 1 when a limit is passed.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
QUIET = 0.06
"""Seconds without a byte after which an answer of the terminal is complete."""


class Terminal:
    """A program on a pty: keys go in, bytes come out and are counted."""

    def __init__(self, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "benchmarks.tui.stage", *arguments]
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(slave)

    def read(self, timeout: float) -> bytes:
        """What comes within the time, or nothing."""
        ready, _, _ = select.select([self._master], [], [], timeout)
        try:
            return os.read(self._master, 1 << 16) if ready else b""
        except OSError:
            return b""

    def until(self, words: bytes, timeout: float = 60.0, settle: bool = True) -> float:
        """Seconds from the start until these words were painted."""
        seen = b""
        while words not in seen:
            seen += self.read(1.0)
            if time.perf_counter() - self.begun > timeout:
                raise TimeoutError(f"{words!r} never came: {seen[-300:]!r}")
        took = time.perf_counter() - self.begun
        if settle:
            self.settle()
        return took

    def settle(self, quiet: float = 0.6) -> None:
        """Reads until the program has nothing more to say."""
        while self.read(quiet):
            pass

    def key(self, key: bytes) -> tuple[float, float]:
        """Presses a key: seconds to its first byte, and to its last."""
        os.write(self._master, key)
        begun = time.perf_counter()
        first = last = 0.0
        while self.read(0.5 if not first else QUIET):
            last = time.perf_counter() - begun
            first = first or last
        return first, last

    def count(self, seconds: float) -> float:
        """Bytes a second."""
        end, total = time.perf_counter() + seconds, 0
        while (left := end - time.perf_counter()) > 0:
            total += len(self.read(left))
        return total / seconds

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def close(self) -> None:
        """Ends the program."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    """A program on a terminal of its own, ended afterwards."""
    opened = Terminal(*arguments)
    try:
        yield opened
    finally:
        opened.close()


def database(path: Path, rows: int) -> str:
    """A table of that many VMs."""
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE vm (id INTEGER PRIMARY KEY, name TEXT, status TEXT)")
    made = ((number, f"vm-{number}", "ready") for number in range(rows))
    base.executemany("INSERT INTO vm VALUES (?, ?, ?)", made)
    base.commit()
    base.close()
    return str(path)


def ms(seconds: list[float], quantile: float = 0.5) -> float:
    """The median, or another quantile, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] * 1000


def starts(rounds: int, small: str, large: str) -> dict[str, float]:
    """Median seconds from spawn to rows on the terminal, in turns."""
    kinds = {"bare": ("bare",), "small": ("table", small), "large": ("table", large)}
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, arguments in kinds.items():
            with terminal(*arguments) as opened:
                taken[kind].append(opened.until(b"vm-0"))
    return {kind: statistics.median(each) for kind, each in taken.items()}


def measure(small: str, large: str, report: Path) -> dict[str, tuple[float, float]]:
    """Every figure with its limit."""
    figures: dict[str, tuple[float, float]] = {}
    took = starts(5, small, large)
    print(
        f"spawn to rows: bare {took['bare']:.3f} s, 100 VMs {took['small']:.3f} s, 100,000 {took['large']:.3f} s"
    )
    figures["open 100,000 / open 100"] = (took["large"] / took["small"], 2.0)
    with terminal("table", small) as few:
        few.until(b"vm-0")
        empty = few.memory()
    with terminal("table", large) as many:
        many.until(b"vm-0")
        figures["idle B/s"] = (many.count(5), 0.0)
        figures["cursor key to last byte, median ms"] = (ms([many.key(b"j")[1] for _ in range(30)]), 30)
        figures["page key to last byte, median ms"] = (ms([many.key(b"\x1b[6~")[1] for _ in range(30)]), 30)
        figures["jump to either end, median ms"] = (
            ms([many.key(key)[1] for _ in range(5) for key in (b"G", b"g")]),
            60,
        )
        figures["one changed row to its bytes, median ms"] = (ms([many.key(b"x")[0] for _ in range(20)]), 10)
        many.key(b"/")
        typed = [many.key(key)[1] for _ in range(8) for key in (b"v", b"m", b"-", b"9", b"9", *[b"\x7f"] * 5)]
        print(f"filter key to last byte: median {ms(typed):.0f} ms")
        figures["filter key to last byte, p95 ms"] = (ms(typed, 0.95), 100)
        many.key(b"\x1b")
        many.settle()
        figures["memory above 100 VMs, MB"] = (many.memory() - empty, 60)
        many.key(b"g")
        many.key(b"z")
        figures["10 % of rows a second, B/s"] = (many.count(10), 4_000)
    with terminal("table", large, "16") as thin:
        thin.until(b"vm-0")
        thin.key(b"z")
        figures["the same in 16 colours, B/s"] = (thin.count(10), 2_000)
    figures.update(log_figures(report))
    return figures


def log_figures(report: Path) -> dict[str, tuple[float, float]]:
    """5,000 lines a second for 20 seconds, and the 20 a second that 20 deploying VMs write."""
    with terminal("log", str(report), "dark", "5000", "20") as log:
        log.until(b"vm-0", settle=False)
        before = log.memory()
        wire = log.count(17)
        after = log.memory()
        while log.process.poll() is None:
            log.read(0.5)
    gap, seen, kept = map(float, report.read_text().split())
    assert (seen, kept) == (100_000, 10_000), "lines were lost or kept beyond the bound"
    print(f"log at 5,000 lines/s: {wire:.0f} B/s at half height")
    with terminal("log", str(report), "dark", "20", "60") as log:
        log.until(b"vm-0", settle=False)
        log.count(2)
        calm = log.count(8)
    return {
        "log at 5,000 lines/s, longest wait ms": (gap, 150),
        "log memory, MB": (after - before, 40),
        "log at 20 lines/s, half height, B/s": (calm, 8_000),
    }


def main() -> int:
    """Measure, print, judge."""
    with tempfile.TemporaryDirectory() as home:
        small, large = database(Path(home, "small"), 100), database(Path(home, "large"), 100_000)
        figures = measure(small, large, Path(home, "report"))
    for name, (value, limit) in figures.items():
        print(f"{'ok  ' if value <= limit else 'OVER'} {name}: {value:.2f} (limit {limit:g})")
    return 0 if all(value <= limit for value, limit in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
