"""schemathesis over the schema, against a site with a cluster: all checks on, nothing 5xx."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.whole import Whole, whole

__all__ = ["whole"]
SECONDS = os.environ.get("KVMTUI_FUZZ_SECONDS", "75")
ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(600)
def test_the_api_keeps_its_schema_whatever_is_sent(whole: Whole, tmp_path: Path) -> None:
    arguments = [
        "--config-file", str(CONFIG), "--no-color", "run", f"{whole.url}/api/v1/openapi.json",
        "--checks", "all", "--max-time", SECONDS,
        "--exclude-operation-id", "follow_events",  # a stream has no end; test_events.py reads it
        "--no-shrink", "--continue-on-failure",
    ]  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *arguments],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=550,
        env={
            **os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.api.fuzz_hooks", "KVMTUI_TOKEN": whole.token,
        },
    )  # fmt: skip
    sys.stdout.write(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-12_000:] + ran.stderr[-2_000:]
    assert "Unexpected error" not in whole.logged()
