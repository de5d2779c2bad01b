"""Key latency while the engine in the same process deploys 60 VMs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tui import sites
from benchmarks.tui.figures import Figure, ms
from benchmarks.tui.terminal import Terminal, console
from tests.crash import labproc

VMS, SPEED = 60, 1.0  # real time
MOST = 600
PAUSE = 0.06
"""Seconds between two keys, like a key that is held down."""


def figures(folder: Path) -> Iterator[Figure]:
    """Key to first byte: with the engine idle, and while it deploys."""
    with console(sites.ready(folder / "idle", VMS)) as opened:
        opened.until(b"engine here")
        _list(opened)
        idle = _keys(opened, 100)
    with labproc.running(speed=SPEED) as lab:
        home = sites.deploying(folder / "busy", lab, VMS)
        with console(home) as opened:
            opened.until(f"VMs (2) {VMS}".encode(), settle=False)
            opened.press(b"2")
            opened.shown(b"5001")
            busy = _keys_while(home, opened)
    yield Figure("key to first byte, engine idle, median", ms(idle), unit="ms")
    yield Figure("key to first byte, engine idle, p95", ms(idle, 0.95), 15, "ms")
    yield Figure("keys pressed while 60 VMs deployed", len(busy))
    yield Figure("key to first byte, 60 VMs deploying, median", ms(busy), unit="ms")
    yield Figure("key to first byte, 60 VMs deploying, p95", ms(busy, 0.95), 15, "ms")


def _list(opened: Terminal) -> None:
    opened.press(b"2")
    opened.shown(b"5001")
    opened.settle(1.0)


def _keys(opened: Terminal, times: int) -> list[float]:
    """Move down ten rows and up again, `times` keys in all."""
    return [_pressed(opened, b"j" if n // 10 % 2 == 0 else b"k") for n in range(times)]


def _pressed(opened: Terminal, key: bytes) -> float:
    took = opened.first_byte(key)
    end = time.perf_counter() + PAUSE
    while (left := end - time.perf_counter()) > 0:
        opened.read(left)
    return took


def _keys_while(home: Path, opened: Terminal) -> list[float]:
    """Press keys until all but a few VMs are ready, or MOST keys were pressed."""
    taken: list[float] = []
    while sites.left(home) > 3 and len(taken) < MOST:
        taken += _keys(opened, 20)
    return taken
