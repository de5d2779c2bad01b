"""The lines that the daemon, the API and `kvmtui cron` print while they run."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TextIO

from engine.work import events

log = logging.getLogger(__name__)


class Stdout:
    """Prints lines, each flushed at once; safe from several threads.

    A line that cannot be written, to a full disk or a pipe nobody reads, is dropped: no work stops for it.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._failing = False

    def __call__(self, line: str) -> None:
        with self._lock:
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except OSError as error:
                if not self._failing:
                    log.warning("Cannot write to stdout: %s. Lines are dropped.", error.strerror)
                self._failing = True
            else:
                self._failing = False

    def events(self, found: list[events.EventView]) -> None:
        """Print the lines of events."""
        for line in events.texts(found):
            self(line)
