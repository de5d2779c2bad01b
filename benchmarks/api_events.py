"""Publish step events at a fixed rate: `python -m benchmarks.api_events HOME EVENTS_PER_SECOND SECONDS`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from engine.store.database import close_database, open_database
from engine.store.urls import sqlite_url
from engine.work import events


def main(home: Path, rate: float, seconds: float) -> None:
    """Publish each event in its own transaction."""
    open_database(sqlite_url(home / "kvmtui.db"))
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        service = number % 60 + 1
        text = f"[+] sid:{service}  1. Allocate IP  success (creation -> set_ip)  [0.02s]"
        events.announce("step", text, level="success", service=service, data={"seconds": 0.02})
    close_database()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
