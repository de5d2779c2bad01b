"""What goes over the line to the operator at 120×40: at rest, with rows changing, with machines deploying."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.tui import homes
from benchmarks.tui.biglist import changed
from benchmarks.tui.figures import Figure
from benchmarks.tui.starts import engine_here
from benchmarks.tui.terminal import Terminal, console
from tests.crash import labproc

VMS, SECONDS = 200, 12
DEPLOYING, SPEED = 20, 1.0  # a cluster at its own pace
LOW = "--low-bandwidth"


def figures(folder: Path) -> Iterator[Figure]:
    """Bytes a second; each kind of line also with `--low-bandwidth`, which must take half at the most."""
    home = homes.standing(folder / "home", VMS)
    with console(home, "--read-only") as opened:
        opened.until(f"VMs (2) {VMS}".encode())
        opened.settle(3.0)
        yield Figure("idle, dashboard", opened.count(SECONDS), 0, "B/s")
    with console(home) as opened:
        engine_here(opened)
        _list(opened)
        yield Figure("idle, VM list, engine at work here", opened.count(SECONDS), 0, "B/s")
    full, thin = _changing(home), _changing(home, LOW)
    yield Figure("10 % of 200 VMs change each second", full, 4_000, "B/s")
    yield Figure("the same with --low-bandwidth", thin, full / 2, "B/s")
    full, thin = _deploying(folder / "full"), _deploying(folder / "thin", LOW)
    yield Figure("20 VMs deploying, log open", full, 8_000, "B/s")
    yield Figure("the same with --low-bandwidth", thin, full / 2, "B/s")


def _list(opened: Terminal) -> None:
    opened.press(b"2")
    opened.shown(b"vps-5001")
    opened.settle(1.5)


def _changing(home: Path, *arguments: str) -> float:
    """Another process changes a tenth of the machines each second, those in view among them."""
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
    """The embedded engine deploys on a cluster in another process; measured while at least half are not done."""
    with labproc.running(speed=SPEED) as lab:
        homes.deploying(home, lab, DEPLOYING)
        with console(home, *arguments) as opened:
            opened.until(f"VMs (2) {DEPLOYING}".encode(), settle=False)
            opened.press(b"2")
            opened.shown(b"5001")
            opened.press(b"L")
            return _while_deploying(home, opened)


def _while_deploying(home: Path, opened: Terminal) -> float:
    began, total = time.perf_counter(), 0.0
    while homes.left(home) > DEPLOYING // 2:
        total += opened.count(1.0)
        if time.perf_counter() - began > 120:
            raise TimeoutError("The machines do not deploy")
    with suppress(ZeroDivisionError):
        return total / round(time.perf_counter() - began)
    raise TimeoutError("They deployed before anything was measured")
