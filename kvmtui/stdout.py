"""The lines that the daemon, the API and `kvmtui cron` print while they run."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

from engine.work import events


class Stdout:
    """Prints lines, each flushed at once; safe from several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def events(self, found: list[events.EventView]) -> None:
        """Print the lines of events."""
        for line in events.texts(found):
            self(line)
