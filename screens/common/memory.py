"""What the console remembers from one start to the next: how each list was looked at, its filters, its marks.

It is one small JSON file. A file that is missing or broken costs nothing but the memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_MARKS = 1_000


class Memory:
    """Notes by screen; without a file they last as long as the console."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._notes = _read(file)

    def of(self, screen: str) -> dict[str, Any]:
        """The notes of a screen; empty if there are none."""
        return dict(self._notes.get(screen, {}))

    def keep(self, screen: str, notes: Mapping[str, Any]) -> None:
        """Keeps the notes of a place, on disk too when they are new."""
        if self._notes.get(screen) != dict(notes):
            self._notes[screen] = dict(notes)
            self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        fresh = self._file.with_suffix(".new")
        try:
            number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(number, "w", encoding="utf-8") as stream:
                json.dump(self._notes, stream)
            fresh.replace(self._file)
        except OSError:
            self._file = None  # a full or read-only disk: from here on it remembers until it ends


def _read(file: Path | None) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {screen: notes for screen, notes in found.items() if isinstance(notes, dict)}
