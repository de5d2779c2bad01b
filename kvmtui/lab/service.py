"""The lab as a program: prints how to connect and serves until it is stopped."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from kvmtui.lab.faults import load
from kvmtui.lab.lab import Lab


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(
    port: int = 0,
    speed: float = 1.0,
    faults: Path | None = None,
    nodes: int = 3,
    version: str = "9",
    say: Callable[[str], None] = _print,
) -> None:
    """Run a lab until SIGINT or SIGTERM; the lines said tell how to connect."""
    lab = Lab(nodes=nodes, speed=speed, faults=load(faults) if faults else None, version=version, port=port)
    stop = threading.Event()
    before = {sign: signal.signal(sign, lambda *_: stop.set()) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        with lab:
            for line in _how_to_connect(lab):
                say(line)
            stop.wait()
            say("The lab has stopped.")
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _how_to_connect(lab: Lab) -> list[str]:
    return [
        f"Simulated Proxmox VE {lab.world.dialect.version} cluster: {', '.join(lab.world.nodes)}",
        f"URL          {lab.url}",
        f"Token        {lab.token_id}={lab.token_secret}",
        f"Fingerprint  {lab.fingerprint}",
        f"CA file      {lab.ca_file}",
        f"Login        {lab.user} with password {lab.password}",
        f"Control      {lab.url}/lab",
        "Stop it with Ctrl+C.",
    ]
