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
SEEDS = {"sqlite": ("1", "12"), "postgresql": ("101", "8")}  # the first, and how many; `make soak` has more
MORE = os.environ.get("KVMTUI_WORLD_SEEDS", "")


@pytest.mark.timeout(0 if MORE else 600)
@pytest.mark.parametrize("db", SEEDS)
def test_every_world_keeps_its_promises(db: str) -> None:
    if db == "postgresql" and why_not():
        pytest.skip(why_not())
    first, count = SEEDS[db]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.world", "--db", db, "--seed", first, "--seeds", MORE or count,
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
