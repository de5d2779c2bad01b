"""Numbers of things as words: one pool, two pools, seven addresses in use."""

from __future__ import annotations

import re


def counted(number: int, noun: str) -> str:
    """A number of things whose name is given for many.

    >>> counted(1, "addresses in use"), counted(2, "VMs")
    ('1 address in use', '2 VMs')
    """
    words = noun if number != 1 else re.sub(r"(?<=ss)es\b|(?<=[a-rt-zA-Z])s\b", "", noun)
    return f"{number:,} {words}"
