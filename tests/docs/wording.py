"""The words kvmtui does not use, what to write instead, and where one of them is right after all.

`python -m tests.docs.wording` lists what it finds in Python code.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ("engine", "kvmtui", "screens")
PACKAGES = (*PROGRAM, "benchmarks", "tests")

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
    r"(?:is|are) shut(?! down)": "closed, denied",
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

_ANY = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in INSTEAD), re.IGNORECASE)
_COMMENT = re.compile("#.*")
_CURLY = re.compile("[“”]")
ALLOWED = (
    (r"engine/proxmox/(faults|console)\.py", "[“”]", "words of Proxmox have single quotes in them"),
    (r"docs/decisions/", r"at rest", "encryption at rest is the term of the field"),
    (
        r"docs/architecture\.md|engine/store/secrets\.py",
        r"at rest",
        "encryption at rest is the term of the field",
    ),
    (r"engine/store/migrations/.*", r".*", "frozen"),
    (
        r".*",
        r"machine's own|this machine|another machine|same machine|other machines?",
        "a computer, not a VM",
    ),
    (r".*", r"virtual machines", "the product's own description"),
    (r"tests/docs/(test_)?wording\.py", r".*", "the list itself and its examples"),
    (r"tests/store/test_migrate\.py", r"owed", "a state that a frozen migration replaces"),
    (r"tests/journeys/terminal\.py", r"owE", "options of grep"),
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
    if not _ANY.search(text):
        return
    for pattern, instead in _PATTERN.items():
        for found in pattern.finditer(text):
            around = text[max(0, found.start() - 20) : found.end() + 20]
            if not _is_allowed(path, around):
                line = first_line + text.count("\n", 0, found.start())
                yield Finding(f"{path}:{line}", " ".join(found[0].split()), instead)


def _is_allowed(path: str, around: str) -> bool:
    return any(re.match(where, path) and re.search(words, around, re.I) for where, words, _ in ALLOWED)


def in_code(package: str) -> Iterator[Finding]:
    """The findings in the strings, docstrings and comments of a package.

    Messages of the program put names and values in single quotes.
    """
    for path in sorted((ROOT / package).rglob("*.py")):
        name, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from findings(node.value, name, node.lineno)
                if package in PROGRAM and _CURLY.search(node.value) and not _is_allowed(name, node.value):
                    yield Finding(f"{name}:{node.lineno}", "curly quotes", "single quotes")
        if not any(map(_ANY.search, _COMMENT.findall(source))):
            continue
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield from findings(token.string, name, token.start[0])


def integrations() -> list[Path]:
    """The texts of contrib/ that a person wrote in English."""
    found = (ROOT / "contrib").rglob("*")
    return sorted(
        path for path in found if path.suffix in (".md", ".php", ".tpl", ".yml") and "lang" not in path.parts
    )


def main() -> None:
    """List the findings in code."""
    for package in PACKAGES:
        for each in in_code(package):
            sys.stdout.write(f"{each}\n")


if __name__ == "__main__":
    main()
