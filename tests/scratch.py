"""Where tests keep their files: in memory, if there is room, because every commit of a database waits for its disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
NEEDED = 2 << 30
"""Bytes that must be free; a container's own `/dev/shm` often has 64 MB."""


def use_memory() -> None:
    """Makes temporary folders of this process, and of those it starts, folders in memory. `TMPDIR` overrides it."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < NEEDED:
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
