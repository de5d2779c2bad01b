"""The symbols this terminal can show: blocks, or ASCII replacements without UTF-8."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

EIGHTHS = " ▁▂▃▄▅▆▇█"
ROUGH = " ..::|||#"
"""The same nine heights for a terminal without blocks."""
_STAND_INS = str.maketrans("█░·→–×▾▸…", "#-.>-x+>~")


def blocks(environ: Mapping[str, str] | None = None, encoding: str | None = None) -> bool:
    """Whether block characters reach the operator's eyes.

    >>> blocks({"TERM": "xterm-256color"}, "utf-8"), blocks({"TERM": "vt220"}, "utf-8"), blocks({}, "ascii")
    (True, False, False)
    """
    env = os.environ if environ is None else environ
    known = encoding if encoding is not None else getattr(sys.__stderr__, "encoding", None)
    speaks = "utf" in (known or "ascii").lower()
    return speaks and env.get("TERM", "") not in ("vt100", "vt102", "vt220")


def braille(environ: Mapping[str, str] | None = None, encoding: str | None = None) -> bool:
    """Whether braille patterns reach the operator's eyes: wherever blocks do, except on the console of Linux.

    >>> braille({"TERM": "xterm-256color"}, "utf-8"), braille({"TERM": "linux"}, "utf-8")
    (True, False)
    """
    env = os.environ if environ is None else environ
    return blocks(env, encoding) and env.get("TERM", "") != "linux"


def heights(drawn: bool) -> str:
    """Nine heights from nothing to a full cell."""
    return EIGHTHS if drawn else ROUGH


def readable(words: str, drawn: bool) -> str:
    """The text, with replacements for what the terminal cannot show.

    >>> readable("██░ 2 → 4", drawn=False)
    '##- 2 > 4'
    """
    return words if drawn else words.translate(_STAND_INS)
