"""What differs in the engine processes of a world: a minute lasts two seconds, and the wall clock can be stepped.

Every name set here must exist, so that a rename in the engine is noticed at once. Which guard is taken out comes from
the environment (`KVMTUI_WORLD_WITHOUT`, see guards.py); the program itself knows nothing of it.
"""

from __future__ import annotations

import faulthandler
import importlib
import mmap
import signal
import struct
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SHORTER: tuple[tuple[str, str, Any], ...] = (
    ("engine.work.claims", "LEASE_MS", 3_000),
    ("engine.work.workers", "STALE_MS", 2_000),
    ("engine.work.workers", "BEAT_S", 0.5),
    ("engine.work.step_attempt", "LONGEST_PARK_MS", 2_500),
    ("engine.work.step_attempt", "UNKNOWN_S", 0.5),
    ("engine.work.servers", "PROBE_MS", 1_500),
    ("engine.work.reconcile", "SKEW_MS", 900_000),  # clocks are stepped by up to ten minutes
    ("engine.work.watch", "_WATCH_MS", 1_500),
    ("engine.work.watch", "EVERY_S", 0.25),
    ("engine.work.ticker", "CHECK_S", 2),
    ("engine.pipelines.context", "LOCK_S", 0.2),
    ("engine.dns.sync", "PATIENCE_S", 2.0),
    ("engine.mail.claims", "LEASE_MS", 4_000),
    ("engine.mail.claims", "ENDING_MS", 6_000),
    ("engine.mail.delivery", "_PAUSES_S", (0.5, 1.0)),
    ("engine.mail.delivery", "_LONGEST_S", 1.0),
    ("engine.mail.delivery", "IDLE_S", 1.0),
    ("engine.mail.smtp", "CONNECT_S", 1.0),
    ("engine.mail.smtp", "ANSWER_S", 1.0),
    ("engine.mail.smtp", "ENDING_S", 2.0),
)
RETRY_MS = 800
WALKERS = 6  # of an engine: a world has about as many VMs


def install(clock_file: Path) -> None:
    """Change this process; call it before the engine starts. SIGUSR1 has it print what its threads do."""
    faulthandler.register(signal.SIGUSR1)
    for module, name, value in SHORTER:
        _everywhere(module, name, value)
    importlib.import_module("engine.work.reconcile").ARRIVING_MS.update(intent=300, ambiguous=600)
    _replace("engine.running", "retry_ms", lambda: RETRY_MS)
    _replace("engine.work.task_ledger", "_is_due", _is_due)
    running = importlib.import_module("engine.running").Running.__init__
    assert running.__code__.co_varnames[: running.__code__.co_argcount][-1] == "workers"
    running.__defaults__ = (*running.__defaults__[:-1], WALKERS)
    sender = importlib.import_module("engine.dns.sender")
    sender.Settings.__init__.__defaults__ = (sender.Timing(0.5, 0.7, 1.5), 2_500, (0.5, 1.0), (1.0,), 1.0)
    step_clock(clock_file)


def _everywhere(module: str, name: str, value: Any) -> None:
    """Set a constant in its module and wherever it was imported by name."""
    home = importlib.import_module(module)
    before = getattr(home, name)
    for other in list(sys.modules.values()):
        if other is home or (
            getattr(other, "__name__", "").startswith("engine.") and other.__dict__.get(name) is before
        ):
            setattr(other, name, value)


def _replace(module: str, name: str, value: Any) -> None:
    home = importlib.import_module(module)
    getattr(home, name)
    setattr(home, name, value)


def _is_due(row: Any, now: int) -> bool:
    """As the original, with two seconds for a minute."""
    if row.last_run_at is None or row.last_run_at > now:
        return True
    return bool(now - row.last_run_at >= row.interval_minutes * 2_000)


class Clock:
    """A file with the milliseconds by which a clock is off, shared by those who read it."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(struct.pack("q", 0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)

    @property
    def off_ms(self) -> int:
        """How far the clock is ahead of the real one."""
        return int(struct.unpack("q", self._shared[:8])[0])

    def step(self, ms: int) -> None:
        """Put the clock forward or back."""
        self._shared[:8] = struct.pack("q", self.off_ms + ms)


def step_clock(file: Path) -> None:
    """Let the program's clock, and SQLite's inside it, run by a file."""
    from engine import clock
    from engine.store import database

    shared = Clock(file)
    clock.time = SimpleNamespace(time_ns=lambda: time.time_ns() + shared.off_ms * 1_000_000)  # type: ignore[assignment]
    original = database._in_dialect

    def in_dialect(sql: str, postgres: bool) -> str:
        return original(sql if postgres else sql.replace("now_ms()", str(clock.now_ms())), postgres)

    database._in_dialect = in_dialect  # type: ignore[assignment]
    expression = database.now_expression
    _everywhere(
        "engine.store.database",
        "now_expression",
        lambda: expression() if database.is_postgres() else database.SQL(str(clock.now_ms())),
    )
