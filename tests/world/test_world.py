"""Worlds made from seeds come to rest with every promise kept; scripts are data that can be run again and cut down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres import why_not
from tests.world.script import Act, Script, generate, shrink

ROOT = Path(__file__).parents[2]
SECONDS = os.environ.get("KVMTUI_WORLD_SECONDS", "4")
SEEDS = os.environ.get("KVMTUI_WORLD_SEEDS", "")  # how many, from 1 on; `make soak` has more


@pytest.mark.timeout(0 if SEEDS else 900)
def test_every_world_keeps_its_promises() -> None:
    """Every other world is on PostgreSQL, where there is one."""
    db = "sqlite" if why_not() else "both"
    ran = subprocess.run(
        [sys.executable, "-m", "tests.world", "--db", db, "--seed", "1", "--seeds", SEEDS or "20",
         "--seconds", SECONDS, "--jobs", "2"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_seed_makes_the_same_script_again(tmp_path: Path) -> None:
    script = generate(7, 5.0, "postgresql", engines=3)
    assert script == generate(7, 5.0, "postgresql", engines=3) != generate(8, 5.0, "postgresql", engines=3)
    script.save(tmp_path / "script.jsonl")
    again = Script.load(tmp_path / "script.jsonl")
    assert [act.line() for act in again.acts] == [act.line() for act in script.acts]
    assert (again.seed, again.db, again.engines) == (7, "postgresql", 3)


def test_a_failure_shrinks_to_the_acts_it_needs() -> None:
    acts = tuple(Act(float(n), "operator", "start", {"service": n}) for n in range(60))
    needed = (acts[11], acts[47])
    shorter = shrink(
        Script(1, 5.0, acts=acts), lambda script: all(act in script.acts for act in needed), tries=100
    )
    assert shorter.acts == needed


def test_shrinking_stops_after_so_many_tries() -> None:
    acts = tuple(Act(float(n), "operator", "start", {"service": n}) for n in range(60))
    tried: list[Script] = []
    shrink(Script(1, 5.0, acts=acts), lambda script: bool(tried.append(script)), tries=5)
    assert len(tried) == 5
