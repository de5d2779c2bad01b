"""schemathesis over the schema, against a site with a cluster: all checks on, nothing 5xx."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvmtui.reference.api import openapi
from tests import seeds
from tests.api.whole import Whole, whole

__all__ = ["whole"]
SECONDS = os.environ.get("KVMTUI_FUZZ_SECONDS", "20")
EXAMPLES = os.environ.get("KVMTUI_FUZZ_EXAMPLES", "1")  # random ones, of each operation
COVERED = os.environ.get("KVMTUI_FUZZ_COVERED", "2")
"""How many operations have every boundary tried; `all` for every one."""
ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")


def config(folder: Path) -> Path:
    """What to check: everything of every operation, and the boundaries of some, of others at each run."""
    names = [each["operationId"] for methods in openapi()["paths"].values() for each in methods.values()]
    chance = seeds.chance("fuzz")
    left_out = [] if COVERED == "all" else sorted(chance.sample(names, len(names) - int(COVERED)))
    file = folder / "schemathesis.toml"
    text = CONFIG.read_text()
    if left_out:
        text += f"\n[[operations]]\ninclude-operation-id = {json.dumps(left_out)}\n"
        text += "phases.coverage.enabled = false\n"
    file.write_text(text)
    return file


@pytest.mark.timeout(3600)
def test_the_api_keeps_its_schema_whatever_is_sent(whole: Whole, tmp_path: Path) -> None:
    arguments = [
        "--config-file", str(config(tmp_path)), "--no-color", "run", f"{whole.url}/api/v1/openapi.json",
        "--checks", "all", "--max-time", SECONDS, "--max-examples", EXAMPLES,
        "--exclude-operation-id", "follow_events",  # a stream has no end; test_events.py reads it
        "--no-shrink", "--seed", str(seeds.SEED), "--continue-on-failure",
    ]  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *arguments],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=3500,
        env={
            **os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.api.fuzz_hooks", "KVMTUI_TOKEN": whole.token,
        },
    )  # fmt: skip
    sys.stdout.write(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-12_000:] + ran.stderr[-2_000:]
    assert "Unexpected error" not in whole.logged()
