"""The last lines of a session as plain text, for reading after the terminal has gone on to something else."""

from __future__ import annotations

import re
from collections import deque

MOST_LINES = 500
LONGEST_LINE = 500

_CONTROLS = re.compile(r"\x1b\[[0-9;:?!]*[ -/]*[@-~]|\x1b[()*+#].|\x1b.|[\x00-\x07\x0b-\x0c\x0e-\x1f]")


class Tail:
    """Keeps the last lines of what was shown, without its control sequences."""

    def __init__(self, lines: int = MOST_LINES) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._line: list[str] = []
        self._place = 0

    def feed(self, shown: str) -> None:
        """Takes what came through the filter, which never cuts a sequence."""
        for char in _CONTROLS.sub("", shown):
            self._take(char)

    def lines(self) -> list[str]:
        """The lines, oldest first, without empty ones at the end."""
        lines = [*self._lines, "".join(self._line).rstrip()]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _take(self, char: str) -> None:
        if char == "\n":
            self._lines.append("".join(self._line).rstrip())
            self._line, self._place = [], 0
        elif char == "\r":
            self._place = 0
        elif char == "\b":
            self._place = max(0, self._place - 1)
        elif self._place < LONGEST_LINE:
            self._line[self._place : self._place + 1] = [" " if char == "\t" else char]
            self._place += 1
