"""Removes one safety rule at a time from a copy of the program, and shows that the tests notice.

`make mutants` prints a table: each rule, and the test that failed without it. `ARGS="fence journal"` runs some of them,
`ARGS=--list` names them. A patch that does not fit exactly once is an error: the rule has moved, and its entry in
`tests/mutants/rules.py` must follow. A failure counts only when the test fails again by itself, and passes with the
rule in place.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

from tests import seeds
from tests.mutants.rules import RULES, Rule

ROOT = Path(__file__).parents[2]
LONGEST_S = 900
MOST_BY_CHANCE = 3
"""So many tests may fail for another reason, such as a busy machine, before a rule counts as unnoticed."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)


class Misfit(Exception):
    """A patch that does not fit exactly once."""


def main() -> int:
    """Run the rules that are named, or all; 1 when the tests did not notice one."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="RULE", help="only these rules")
    parser.add_argument("--list", action="store_true", help="name the rules and check that every patch fits")
    parser.add_argument("--jobs", type=int, default=2, help="rules at the same time")
    given = parser.parse_args()
    chosen = [rule for rule in RULES if not given.names or rule.name in given.names]
    if unknown := set(given.names) - {rule.name for rule in RULES}:
        parser.error(f"unknown rules: {', '.join(sorted(unknown))}")
    if misfits := [str(misfit) for rule in chosen if (misfit := _misfit(rule))]:
        parser.error("\n".join(misfits))
    if given.list:
        print("\n".join(f"{rule.name}: {rule.without}" for rule in chosen))
        return 0
    print("| rule | without it | test that failed |\n|---|---|---|", flush=True)
    with TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(given.jobs) as pool:
        trees: Queue[Path] = Queue()
        for number in range(given.jobs):
            trees.put(copied(Path(folder) / str(number)))
        found = list(pool.map(lambda rule: _run(rule, trees), chosen))
    unnoticed = [rule.name for rule, test in zip(chosen, found, strict=True) if not test]
    print(
        f"\n{len(chosen) - len(unnoticed)} of {len(chosen)} rules are noticed. {' '.join(unnoticed)}".rstrip()
    )
    return 1 if unnoticed else 0


def copied(folder: Path) -> Path:
    """A copy of what git knows of this tree, with the same Python."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def _misfit(rule: Rule) -> Misfit | None:
    try:
        patched(rule)
    except Misfit as misfit:
        return misfit
    return None


def patched(rule: Rule, tree: Path = ROOT) -> str:
    """The text of the rule's file without the rule."""
    path = tree / rule.file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(rule.old) != 1:
        raise Misfit(f"{rule.name}: its text is {text.count(rule.old)} times in {rule.file}, not once")
    return text.replace(rule.old, rule.new)


def _run(rule: Rule, trees: Queue[Path]) -> str:
    tree = trees.get()
    try:
        test = _noticing(rule, tree)
        print(f"| {rule.name} | {rule.without} | {f'`{test}`' if test else '**none**'} |", flush=True)
        return test
    finally:
        trees.put(tree)


def _noticing(rule: Rule, tree: Path) -> str:
    """The test that fails without the rule, alone too, and passes with it; empty when there is none."""
    by_chance: list[str] = []
    while len(by_chance) < MOST_BY_CHANCE:
        with _without(rule, tree):
            test = _failed(_pytest(tree, *rule.tests, *(f"--deselect={each}" for each in by_chance)))
            if not test:
                return ""
            again = _failed(_pytest(tree, test))
        if again and not _failed(_pytest(tree, test)):
            return test
        by_chance.append(test)
    return ""


@contextmanager
def _without(rule: Rule, tree: Path) -> Iterator[None]:
    path = tree / rule.file
    whole = path.read_text(encoding="utf-8")
    _write(path, patched(rule, tree))
    try:
        yield
    finally:
        _write(path, whole)


def _write(path: Path, text: str) -> None:
    """Write a module, and forget what was compiled of it: two versions may have one size and one second."""
    path.write_text(text, encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def _pytest(tree: Path, *tests: str) -> str:
    """What pytest says of these tests; it stops at the first that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:xdist", *tests]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment[seeds.NAME] = str(seeds.SEED)  # a test that is run again is in the share of the first run
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "FAILED timeout::no test ended in time"
    if done.returncode not in (0, 1, 5):  # 5: every test was deselected
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout if done.returncode == 1 else ""


def _failed(said: str) -> str:
    found = _FAILED.search(said)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(main())
