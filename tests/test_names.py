"""One class name, one idea: a reader who searches for a class finds one definition."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("engine", "kvmtui", "screens")

SHAPES = ROOT / "kvmtui" / "api" / "shapes.py"
"""The schemas of the API, each named like what it is the JSON of."""
ALLOWED: dict[str, str] = {}
"""Names that several modules may give to a class, and why they are one idea there."""


def _classes() -> dict[str, list[str]]:
    """The classes at module level by name; nested ones (`Meta`, messages) are named after their owner."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if path == SHAPES:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.relative_to(ROOT).as_posix())
    return found


def test_no_two_classes_share_a_name() -> None:
    shared = {name: paths for name, paths in _classes().items() if len(paths) > 1 and name not in ALLOWED}
    assert shared == {}, "rename one of them to what it is, or give the reason in ALLOWED"


def test_every_exception_is_still_needed() -> None:
    found = _classes()
    assert len(found) > 400
    assert [name for name in ALLOWED if len(found.get(name, ())) < 2] == []
