"""CPU and memory of guests from the newest answer of each cluster that the engine of this process read anyway.

They are kept in memory alone: a console beside a daemon has none, and asks no cluster for them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.clock import now_ms

if TYPE_CHECKING:
    from engine.proxmox.values import Resource

FRESH_MS = 150_000
"""Older figures are not shown: two ticks have passed."""


@dataclass(frozen=True, slots=True)
class LiveUsage:
    """What a running VM uses: percent of its processors, and memory in bytes."""

    cpu_percent: int
    memory_used: int
    memory: int


_read: dict[str, tuple[int, dict[int, LiveUsage]]] = {}
_lock = threading.Lock()


def remember(server: str, guests: Iterable[Resource]) -> None:
    """Replace the figures of a server."""
    figures = {
        each.vmid: LiveUsage(round(100 * each.cpu), each.memory_used, each.maxmem)
        for each in guests
        if each.kind == "qemu" and each.status == "running" and each.maxmem
    }
    with _lock:
        _read[server] = (now_ms(), figures)


def usage_of(server: str, vmid: int | None) -> LiveUsage | None:
    """The figures of a VM; None when it does not run, or when no engine here has read them lately."""
    with _lock:
        at, figures = _read.get(server, (0, {}))
    return figures.get(vmid) if vmid is not None and now_ms() - at <= FRESH_MS else None


def is_read() -> bool:
    """Whether an engine of this process has read figures of any server."""
    with _lock:
        return bool(_read)


def forget() -> None:
    """Drop every figure."""
    with _lock:
        _read.clear()
