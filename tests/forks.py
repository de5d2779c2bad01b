"""Processes of tests that are forked from one that has imported what they need: their start costs no imports.

The test process itself is not forked, because it has threads.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import signal

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["engine.running", "kvmtui.lab.lab", "playhouse.pool", "psycopg", "tests.crash.labproc"]
)


def end_with_parent() -> None:
    """Has Linux kill this process when the one it was forked from ends, which ends with the test process."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
