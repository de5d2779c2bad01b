"""Measure the start-up time of a headless verb, relative to importing the libraries it uses.

    python benchmarks/startup.py [ROUNDS]

Both are timed alternately in one run, so that other load slows both. Exits with 1 if the ratio of the medians
is 2.5 or more.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 2.5
BASELINE = ("-c", "import peewee, pydantic, typer, rich")
VERB = ("-m", "kvmtui", "pool", "list")


def timed(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    """Seconds until the program exits."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True)
    return time.perf_counter() - begun


def main(rounds: int) -> int:
    """Print the figures; 1 if the ratio is too large."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "KVMTUI_HOME": home, "PYTHONPATH": str(ROOT)}
        for arguments in (BASELINE, VERB):  # warm up: writes byte code, creates the database
            timed(arguments, environment)
        pairs = [(timed(BASELINE, environment), timed(VERB, environment)) for _ in range(rounds)]
    baseline, verb = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = verb / baseline
    print(f"imports alone {baseline * 1000:.0f} ms, kvmtui pool list {verb * 1000:.0f} ms, ratio {ratio:.2f}")
    return 0 if ratio < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 11))
