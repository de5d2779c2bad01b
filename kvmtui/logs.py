"""The log file: 0600, rotating, every line redacted; libraries that speak of requests stay at WARNING."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from engine.errors import Refused
from engine.redact import RedactingFilter
from engine.store import files

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_QUIET = (
    "proxmoxer",
    "urllib3",
    "requests",
    "httpx",
    "httpcore",
    "apscheduler",
    "peewee",
    "websockets",
    "asyncio",
)
_SIZE = 5 * 1024 * 1024
_KEPT = 5
_FORMAT = "%(asctime)s %(levelname)s %(process)d %(threadName)s %(name)s: %(message)s"


class PrivateRotatingFile(RotatingFileHandler):
    """A rotating log only its owner can read."""

    def _open(self) -> IO[str]:  # type: ignore[override]
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return os.fdopen(handle, self.mode, encoding=self.encoding, errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written (a full disk) must not stop or litter the program."""


def start(log_file: Path, level: str) -> None:
    """Send every record to the log file, redacted; calling it again replaces what the last call set."""
    stop()
    try:
        files.private_dir(log_file.parent)
        if log_file.exists():
            files.refuse_wider(log_file, "log file")
        handler = PrivateRotatingFile(
            log_file, maxBytes=_SIZE, backupCount=_KEPT, encoding="utf-8", delay=False
        )
    except OSError as error:
        raise Refused(
            f"The log file {log_file} cannot be written: {error.strerror}. {files.remedy(error)}"
        ) from error
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.captureWarnings(True)
    logging.getLogger().addHandler(handler)
    set_level(level)


def set_level(level: str) -> None:
    """Change what is worth logging; the talkative libraries stay quiet whatever it is."""
    logging.getLogger().setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def stop() -> None:
    """Close the log file."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, PrivateRotatingFile)]:
        root.removeHandler(handler)
        handler.close()
