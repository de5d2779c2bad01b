"""Numbers of things as words: 1 pool, 2 pools, 7 addresses in use."""

from __future__ import annotations

import re

_VERBS = {"are": "is", "have": "has"}
_MANY = re.compile(r"\b(?:are|have)\b|(?<=ss)es\b|(?<=[a-rt-zA-Z])s\b")


def counted(number: int, words: str) -> str:
    """A number of things, and what is said of them; the words are given for many.

    >>> counted(1, "addresses in use"), counted(2, "VMs"), counted(1, "rows are missing")
    ('1 address in use', '2 VMs', '1 row is missing')
    """
    right = words if number != 1 else _MANY.sub(lambda found: _VERBS.get(found[0], ""), words)
    return f"{number:,} {right}"
