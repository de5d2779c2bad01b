"""The words kvmtui does not use, what to write instead, and where one of them is right after all.

`python -m tests.docs.wording` lists what it finds and lowers the counts in wording_counts.json to what is left.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNTS = Path(__file__).with_name("wording_counts.json")
PACKAGES = ("engine", "kvmtui", "screens")

INSTEAD = {
    r"anew|afresh": "again, new",
    r"meanwhile": "at the same time, in between",
    r"troubles?": "error",
    r"(?:is|are|was|were|be|been) told": "is shown; name who shows what to whom",
    r"tells (?:how|that|when|what|whether|why)": "says, shows",
    r"(?:is|are) no such": "not found, unknown",
    r"(?:go|goes|going|went) on": "continue",
    r"lives": "is, is stored",
    r"(?:take|takes|taken|taking|leave|leaves|left) (?:\w+ ){0,4}away": "remove, omit",
    r"(?:take|takes|taken) back": "undo, roll back",
    r"wish(?:es)?": "request",
    r"for long": "state the time",
    r"as it was|as they were": "unchanged",
    r"(?:a|the) house|house rules?": "project, conventions",
    r"(?:a|the|one|last|front|small) doors?": "entry point, interface",
    r"(?:a|its|the|whose|engine's) heart(?: beats?)?|heart beats?": "heartbeat",
    r"(?:a|the) bell": "wake-up",
    r"buried|grows? old": "expired",
    r"debts?|owes?|owed": "pending, overdue",
    r"(?:gives?|given|giving) (?:it |them )?back": "release",
    r"turns? [\w ]{0,20}round": "reverse",
    r"mend(?:s|ed|ing)?": "fix",
    r"passes by": "bypasses",
    r"shall": "must, will",
    r"(?:is|are) shut": "closed, denied",
    r"by hand of": "by",
    r"other than the product": "overrides",
    r"whose (?:it|they) (?:is|are)": "owner",
    r"bad line": "slow link",
    r"the next look|each look|a look(?! at)": "check, read, at the next poll",
    r"(?:stand|stands) (?:there|in|on|beside)": "is",
    r"asked for": "requested",
    r"at rest": "idle",
    r"seems to be at fault|whose fault": "cause",
    r"(?<!virtual )machines": "VMs",
    r"machine's": "VM's",
    r"nearest there is": "nearest match",
    r"letters? (?:in|to) ": "mail",
}
_PATTERN = {re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE): instead for pattern, instead in INSTEAD.items()}

ALLOWED = (
    (r"docs/decisions/", r"at rest", "encryption at rest is the term of the field"),
    (r"docs/architecture\.md", r"at rest", "encryption at rest is the term of the field"),
    (
        r".*",
        r"machine's own|this machine|another machine|same machine|other machines?",
        "a computer, not a VM",
    ),
    (r".*", r"virtual machines", "the product's own description"),
)
"""Where a word is right: path, the words around it, and why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A word that is not used, where it is, and what to write instead."""

    where: str
    found: str
    instead: str

    def __str__(self) -> str:
        return f"{self.where}: “{self.found}”: write {self.instead}"


def findings(text: str, path: str, first_line: int = 1) -> Iterator[Finding]:
    """Every word of the list in a text; `path` decides which exceptions hold."""
    for pattern, instead in _PATTERN.items():
        for found in pattern.finditer(text):
            around = text[max(0, found.start() - 20) : found.end() + 20]
            if not _is_allowed(path, around):
                line = first_line + text.count("\n", 0, found.start())
                yield Finding(f"{path}:{line}", " ".join(found[0].split()), instead)


def _is_allowed(path: str, around: str) -> bool:
    return any(re.match(where, path) and re.search(words, around, re.I) for where, words, _ in ALLOWED)


def in_code(package: str) -> Iterator[Finding]:
    """The findings in the strings and docstrings of a package."""
    for path in sorted((ROOT / package).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from findings(node.value, name, node.lineno)


def folder_of(finding: Finding) -> str:
    """The folder a finding is counted in: two levels of a package."""
    parts = finding.where.partition(":")[0].split("/")
    return "/".join(parts[:2] if len(parts) > 2 else parts[:1])


def counts() -> dict[str, int]:
    """How many findings each folder has now."""
    found = Counter(folder_of(each) for package in PACKAGES for each in in_code(package))
    return dict(sorted(found.items()))


def main() -> None:
    """List the findings in code and lower the kept counts."""
    for package in PACKAGES:
        for each in in_code(package):
            sys.stdout.write(f"{each}\n")
    now = counts()
    kept = json.loads(COUNTS.read_text()) if COUNTS.exists() else now
    lowered = {name: min(now.get(name, 0), most) for name, most in kept.items()}
    COUNTS.write_text(json.dumps({name: most for name, most in lowered.items() if most}, indent=2) + "\n")


if __name__ == "__main__":
    main()
