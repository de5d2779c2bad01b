"""The standard streams as they may be found: closed, full, or of an encoding that lacks our characters."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def prepare() -> None:
    """Give a closed stream /dev/null, and let a character that the encoding lacks become `?`.

    Without it, the first file that is opened would take the number of a closed stream, and whatever a library writes
    to that number would end up in the database.
    """
    for name, mode in _STREAMS:
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif name == "stdout" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def discard() -> None:
    """Send both outputs to nowhere, so that the interpreter's last flush does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def is_unicode() -> bool:
    """Whether stdout takes every character."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
