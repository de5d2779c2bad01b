"""The log file: private when made and when rotated, redacted, and silent about other people's requests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import redact
from engine.errors import Refused
from kvmtui import logs


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """A log at debug level."""
    before = logging.getLogger().level
    path = tmp_path / "logs" / "kvmtui.log"
    logs.start(path, "DEBUG")
    yield path
    logs.stop()
    logging.captureWarnings(False)
    logging.getLogger().setLevel(before)


def test_no_secret_reaches_the_file(log_file: Path) -> None:
    for number in (1, 2, 3):
        redact.register(f"canary-value-{number}")
    log = logging.getLogger("engine.somewhere")
    log.debug("the value is %s", "canary-value-1")
    log.info("%s", {"password": "canary-value-2", "port": 8006})
    try:
        raise ValueError("token=canary-value-3 and canary-value-1")
    except ValueError:
        log.exception("it failed with canary-value-1")
    text = log_file.read_text()
    assert "8006" in text
    assert "Traceback" in text
    assert "canary" not in text
    assert log_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["proxmoxer.core", "urllib3.connectionpool", "httpx", "httpcore.http11", "apscheduler", "peewee"]
)
def test_talkative_libraries_stay_quiet(log_file: Path, name: str) -> None:
    logging.getLogger(name).info("GET /api2/json/access/ticket")
    logging.getLogger(name).warning("the pool is full")
    assert "ticket" not in log_file.read_text()
    assert "the pool is full" in log_file.read_text()


def test_rotated_files_are_private_too(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [handler] = [each for each in logging.getLogger().handlers if isinstance(each, logs.PrivateRotatingFile)]
    handler.maxBytes = 200
    for number in range(30):
        logging.getLogger("engine").info("line %s", number)
    kept = list(log_file.parent.iterdir())
    assert len(kept) == 6
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_a_wider_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kvmtui.log"
    path.touch()
    path.chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        logs.start(path, "INFO")
