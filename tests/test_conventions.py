"""Conventions of the project: which package may import which, and what a start must not load."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
VERBS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "kvmtui" / "cli").rglob("*.py")
    if path.name != "__init__.py"
)


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_headless_verbs_and_the_daemon_never_import_textual() -> None:
    """In a process of its own: the static contracts cannot see what a function imports."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'textual' not in sys.modules, f'{name} imports textual'\n"
    )
    done = _python(
        code,
        "kvmtui.__main__",
        "kvmtui.cli",
        "kvmtui.terminal.exits",
        "kvmtui.daemon",
        "kvmtui.config",
        *VERBS,
    )
    assert done.returncode == 0, done.stderr
    assert len(VERBS) > 5


def test_the_command_line_starts_without_the_heavy_parts() -> None:
    code = (
        "import sys, kvmtui.cli\n"
        "heavy = {'textual', 'proxmoxer', 'httpx', 'requests', 'apscheduler', 'peewee', 'fakepve'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = _python(code)
    assert done.returncode == 0, done.stderr


def test_the_engine_runs_without_a_terminal_library() -> None:
    code = (
        "import sys\n"
        "sys.modules['textual'] = sys.modules['typer'] = None\n"
        "import pkgutil, importlib, engine\n"
        "for found in pkgutil.walk_packages(engine.__path__, 'engine.'):\n"
        "    if '.migrations' not in found.name:\n"
        "        importlib.import_module(found.name)\n"
    )
    done = _python(code)
    assert done.returncode == 0, done.stderr


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", ["engine", "kvmtui", "screens"])
def test_every_module_says_what_it_promises_and_stays_readable(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            continue
        assert text.startswith('"""'), f"{path.relative_to(ROOT)} opens without a docstring"
        assert text.count("\n") <= 400, f"{path.relative_to(ROOT)} is longer than 400 lines"


def test_the_pins_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 40
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", line)] == []
