"""Runs the program's command line: in this process, which takes milliseconds, or in one of its own, as a shell does.

Both find the same clean environment and answer alike; `tests/cli/test_in_process.py` proves it. A test about signals,
terminals, start-up or several processes needs the real one.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest.mock import patch

from engine import clock, operators, redact
from engine.pipelines.steps import facts
from engine.store.database import database
from kvmtui.terminal import exits, open_site


@dataclass(frozen=True)
class Ran:
    """How the program ended and what it said."""

    exit: int
    stdout: str
    stderr: str


def clean_environment(home: Path) -> dict[str, str]:
    """What a program run by a test finds around it: a path, a home, a plain language, nothing else."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "KVMTUI_HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
    }


def process(home: Path, *arguments: str, stdin: str = "", timeout: float = 60, **environment: Any) -> Ran:
    """Run one command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "kvmtui", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=_environment(home, environment),
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def here(home: Path, *arguments: str, stdin: str = "", timeout: float = 60, **environment: Any) -> Ran:
    """Run one command line in this process; `timeout` is taken and ignored, pytest has its own."""
    assert database.obj is None, "the test has a database open, which the program would close"
    with (
        TemporaryFile("w+", encoding="utf-8") as given,
        TemporaryFile("w+", encoding="utf-8") as out,
        TemporaryFile("w+", encoding="utf-8") as err,
    ):
        given.write(stdin)
        given.seek(0)
        with (
            patch.dict(os.environ, _environment(home, environment), clear=True),
            patch.multiple(sys, stdin=given, stdout=out, stderr=err),
            _as_if_started(),
        ):
            try:
                status: Any = exits.run(arguments)
            except SystemExit as ended:
                status = ended.code or 0
        return Ran(int(status), _read(out), _read(err))


def _environment(home: Path, more: Mapping[str, Any]) -> dict[str, str]:
    return clean_environment(home) | {key: str(value) for key, value in more.items()}


def _read(stream: Any) -> str:
    stream.flush()
    stream.seek(0)
    return str(stream.read())


@contextmanager
def _as_if_started() -> Iterator[None]:
    """The globals of a process that has just begun, and those of this one again afterwards."""
    root, zone, known = logging.getLogger(), clock._zone, dict(redact._values)
    level, last_resort = root.level, logging.lastResort
    redact._values.clear()  # a secret that an earlier command met must not be masked for this one
    facts.forget()
    time.tzset()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        logging.captureWarnings(False)
        root.setLevel(level)
        logging.lastResort = last_resort
        redact._values.update(known)
        clock._zone = zone
        open_site.set_read_only(False)
        operators.use(operators.Operators())
