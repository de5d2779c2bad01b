"""Bytes sent to a 120×40 terminal: idle, with changing rows, with VMs deploying."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.tui import sites
from benchmarks.tui.biglist import changed
from benchmarks.tui.figures import Figure
from benchmarks.tui.starts import engine_here
from benchmarks.tui.terminal import Terminal, console
from tests.crash import labproc

VMS, SECONDS = 200, 12
DEPLOYING, SPEED = 20, 1.0  # real time
LOW = "--low-bandwidth"


def figures(folder: Path) -> Iterator[Figure]:
    """Bytes per second; with `--low-bandwidth` at most half of that."""
    home = sites.ready(folder / "home", VMS)
    with console(home, "--read-only") as opened:
        opened.until(f"VMs (2) {VMS}".encode())
        opened.settle(3.0)
        yield Figure("idle, dashboard", opened.count(SECONDS), 0, "B/s")
    with console(home) as opened:
        engine_here(opened)
        _list(opened)
        yield Figure("idle, VM list, engine running", opened.count(SECONDS), 0, "B/s")
    full, low = _changing(home), _changing(home, LOW)
    yield Figure("10 % of 200 VMs change each second", full, 4_000, "B/s")
    yield Figure("the same, --low-bandwidth", low, full / 2, "B/s")
    full, low = _deploying(folder / "full"), _deploying(folder / "low", LOW)
    yield Figure("20 VMs deploying, log open", full, 8_000, "B/s")
    yield Figure("the same, --low-bandwidth", low, full / 2, "B/s")


def _list(opened: Terminal) -> None:
    opened.press(b"2")
    opened.shown(b"vps-5001")
    opened.settle(1.5)


def _changing(home: Path, *arguments: str) -> float:
    """Bytes per second while a tenth of the VMs change each second, visible ones among them."""
    with console(home, "--read-only", *arguments) as opened:
        opened.until(f"VMs (2) {VMS}".encode())
        _list(opened)
        stop = threading.Event()
        writing = threading.Thread(target=_change, args=(home / "kvmtui.db", stop))
        writing.start()
        opened.count(2.0)
        measured = opened.count(2 * SECONDS)
        stop.set()
        writing.join()
    return measured


def _change(file: Path, stop: threading.Event) -> None:
    turn = 0
    while not stop.wait(1.0):
        turn += 1
        ids = tuple(range(1 + turn % 10, VMS + 1, 10))
        changed(file, ids, ("clone", "set_network", "starting", "ready")[turn % 4])


def _deploying(home: Path, *arguments: str) -> float:
    """Bytes per second while the embedded engine deploys and at least half of the VMs are not ready."""
    with labproc.running(speed=SPEED) as lab:
        sites.deploying(home, lab, DEPLOYING)
        with console(home, *arguments) as opened:
            opened.until(f"VMs (2) {DEPLOYING}".encode(), settle=False)
            opened.press(b"2")
            opened.shown(b"5001")
            opened.press(b"L")
            return _while_deploying(home, opened)


def _while_deploying(home: Path, opened: Terminal) -> float:
    began, total = time.perf_counter(), 0.0
    while sites.left(home) > DEPLOYING // 2:
        total += opened.count(1.0)
        if time.perf_counter() - began > 120:
            raise TimeoutError("The VMs do not deploy")
    with suppress(ZeroDivisionError):
        return total / round(time.perf_counter() - began)
    raise TimeoutError("The VMs were ready before anything was measured")
