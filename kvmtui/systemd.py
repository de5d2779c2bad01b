"""Tells systemd how the daemon stands: READY, WATCHDOG, STOPPING. Without systemd it does nothing."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send one state line to the socket systemd gave us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
        try:
            wire.sendto(state.encode(), target)
        except OSError:
            return  # systemd will say so itself when it misses us


def watchdog_seconds() -> float:
    """How often systemd wants a sign of life, half of its limit; 0 when it does not."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "")
    if not limit.isdigit() or (pid.isdigit() and int(pid) != os.getpid()):
        return 0.0
    return int(limit) / 2_000_000
