"""The ownership mark: one line in a guest's description that says which installation and which VM it is.

The clone call itself writes it, so a guest of ours is never unmarked. The other text of
a description belongs to people and is kept.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

LONGEST_DESCRIPTION = 8192
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_TRACE = re.compile(r"kvmtui\s+instance\s*=", re.IGNORECASE)
_LINE = re.compile(
    rf"^[ \t]*kvmtui instance=(?P<instance>{_UUID}) vm=(?P<vm>{_UUID})[ \t\r]*(?:\n|\Z)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Which installation of kvmtui a guest belongs to, and which of its VMs it is."""

    instance: str
    vm: str

    def __post_init__(self) -> None:
        for name in ("instance", "vm"):
            object.__setattr__(self, name, str(uuid.UUID(getattr(self, name))))

    @property
    def line(self) -> str:
        """The line of the mark in a description."""
        return f"kvmtui instance={self.instance} vm={self.vm}"


def find_mark(description: str | None) -> Mark | None:
    """The mark a description carries; None if there is none, or if it carries two that differ."""
    marks = {Mark(m["instance"], m["vm"]) for m in _LINE.finditer(description or "")}
    return marks.pop() if len(marks) == 1 else None


def bears_mark(description: str | None) -> bool:
    """Whether a description carries a mark of any installation, even a damaged one or several that differ."""
    return _TRACE.search(description or "") is not None


def stamped(description: str | None, mark: Mark) -> str:
    """The same description carrying exactly this mark as its first line; the other text is kept."""
    others = _LINE.sub("", description or "").strip("\n")
    text = f"{mark.line}\n{others}" if others else mark.line
    return text[:LONGEST_DESCRIPTION]
