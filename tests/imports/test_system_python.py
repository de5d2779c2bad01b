"""The reader of SQL dumps in the distribution's Python, whose regular expressions may be those of an older version."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engine.imports.sql import read_sql

ROOT = Path(__file__).parents[2]
DUMP = Path(__file__).with_name("whmcs.sql")
PYTHON = Path("/usr/bin/python3")
CODE = """
import sys
if sys.version_info < (3, 11):
    sys.exit(77)
from engine.imports.sql import read_sql
with open(sys.argv[1], "rb") as dump:
    for table in read_sql(dump, lambda name: True):
        print(table.name, table.columns, len(table.lines))
"""


def test_it_reads_the_same_there() -> None:
    if not PYTHON.exists():
        pytest.skip("there is no Python of the distribution")
    done = subprocess.run(
        [PYTHON, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{CODE}", DUMP],
        capture_output=True, text=True, env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}, check=False,
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip("the Python of the distribution is older than 3.11")
    assert done.returncode == 0, done.stderr
    with DUMP.open("rb") as dump:
        tables = [
            f"{each.name} {each.columns} {len(each.lines)}" for each in read_sql(dump, lambda name: True)
        ]
    assert done.stdout.splitlines() == tables and len(tables) > 5
