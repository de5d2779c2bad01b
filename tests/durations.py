"""How long tests take: measured once, checked in, used to run the slow ones first and to choose the quick ones.

`pytest --junit-xml=FILE` measures; `python -m tests.durations FILE` rewrites `tests/durations.txt` from it. The table
only steers: a test it does not know runs after those it knows, and is not quick.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("durations.txt")
SLOW_S = 2.0
"""Tests from here on are listed one by one."""
QUICK_S = 0.12
"""A file is quick when its tests take no longer on average."""
POSTGRESQL = "postgresql"
"""Parameter of the tests that need a database server; no quick ones, and not counted in a file's seconds."""
HEADER = "# seconds, tests, and the file or the slow test; written by python -m tests.durations, see CONTRIBUTING.md\n"


@cache
def table() -> Mapping[str, tuple[float, int]]:
    """Seconds and number of tests of every file (`tests/work/test_fence.py`) and slow test (`file::name`)."""
    found = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else ():
        if not line.startswith("#"):
            seconds, tests, name = line.split(maxsplit=2)
            found[name] = (float(seconds), int(tests))
    return found


def of(name: str) -> float:
    """How long one test of this name takes with the slowest of its parameters; 0 when it is not among the slow ones."""
    return table().get(name, (0.0, 0))[0]


@cache
def is_quick(path: str) -> bool:
    """Whether the tests of a file are for a developer's loop."""
    seconds, tests = table().get(path, (0.0, 0))
    slow = any(name.startswith(f"{path}::") for name in table())
    return tests > 0 and not slow and seconds / tests <= QUICK_S


def written(junit: Path) -> str:
    """The table for one measured run."""
    files: dict[str, list[float]] = defaultdict(list)
    slow: dict[str, list[float]] = defaultdict(list)
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        parts = case.get("classname", "").split(".")
        if parts[0] != "tests" or case.find("skipped") is not None:
            continue
        path, seconds = "/".join(parts) + ".py", float(case.get("time", "0"))
        name, _, parameters = case.get("name", "").partition("[")
        if POSTGRESQL not in parameters:
            files[path].append(seconds)
        if seconds >= SLOW_S:
            slow[f"{path}::{name}"].append(seconds)
    lines = [_line(sum(each), len(each), name) for name, each in files.items()]
    lines += [_line(max(each), len(each), name) for name, each in slow.items()]
    return HEADER + "".join(sorted(lines, key=lambda line: line.split()[2]))


def _line(seconds: float, tests: int, name: str) -> str:
    return f"{seconds:.1f} {tests} {name}\n"


def dealt(names: Iterable[str], workers: int, crowded: Iterable[str]) -> list[int]:
    """The order that starts the slow tests first when xdist gives each worker an equal, contiguous part of it.

    The tests that start many processes are all in the first part, so that they run one after the other.
    """
    names, together = list(names), set(crowded)
    total = len(names)
    sizes = []
    for left in range(workers, 0, -1):
        sizes.append((total - sum(sizes)) // left)
    parts: list[list[int]] = [[] for _ in sizes]
    load = [0.0] * workers
    slow = [number for number in range(total) if of(names[number]) or names[number] in together]
    for number in sorted(
        slow, key=lambda number: (names[number] not in together, -of(names[number]), number)
    ):
        open_parts = [part for part in range(workers) if len(parts[part]) < sizes[part]]
        part = open_parts[0] if names[number] in together else min(open_parts, key=load.__getitem__)
        parts[part].append(number)
        load[part] += max(of(names[number]), 1.0)
    chosen = set(slow)
    rest = iter([number for number in range(total) if number not in chosen])
    for part, size in zip(parts, sizes, strict=True):
        part.extend(next(rest) for _ in range(size - len(part)))
    return [number for part in parts for number in part]


def main() -> int:
    """Rewrite the table from a JUnit file."""
    if len(sys.argv) != 2:
        print("usage: python -m tests.durations FILE.xml", file=sys.stderr)
        return 2
    TABLE.write_text(written(Path(sys.argv[1])), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
