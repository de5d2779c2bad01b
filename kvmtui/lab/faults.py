"""Faults on demand: each Fault says which calls or tasks it hits and what happens to them.

The same fields are the keys of a fault file (YAML or JSON, a list of mappings).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from engine.errors import Refused

if TYPE_CHECKING:
    from kvmtui.lab.tasks import LabTask

REQUEST_KINDS = {
    "lost": "the work is done, then the connection is reset instead of an answer",
    "cut": "the connection is reset before anything is done",
    "status": "an error is answered: `code` and `text`, before the work or, with `after`, once it is done",
    "hang": "no answer for `seconds` real seconds, before the work or, with `after`, after it; then a reset",
    "drip": "the answer comes one byte every `seconds` real seconds",
    "offline": "node `target` goes away, for `seconds` virtual seconds or for good",
    "no-quorum": "the cluster loses its quorum, for `seconds` virtual seconds or for good",
    "foreign": "somebody else does `action` with `args` just before the call is handled",
}
TASK_KINDS = {
    "task-error": "the task ends with `text`, before its work or, with `after`, once it is done",
    "task-warnings": "the task succeeds with WARNINGS: `warnings`",
    "task-vanishes": "the finished task is forgotten: no such task",
    "cleanup-lock": "once the task is done, `qm cleanup` holds the config lock for `seconds` virtual seconds (30)",
    "task-killed": "the worker is killed `seconds` virtual seconds in, leaving what it wrote, locks included",
}
# The pseudo codes a real node answers with, and the text that comes with each.
CODE_TEXTS = {
    500: "got no worker upid - start worker failed",
    503: "Service Unavailable",
    595: "Connection refused",
    596: "Connection timed out",
    597: "Broken pipe",
    599: "Too many redirections",
}
# What the keys of a fault file may hold; text where nothing is said.
KEY_TYPES: dict[str, tuple[type, ...]] = {
    "vmid": (int,),
    "nth": (int,),
    "count": (int,),
    "code": (int,),
    "warnings": (int,),
    "seconds": (float, int),
    "after": (bool,),
    "args": (dict,),
}


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """Which calls or tasks are hit, and how: from the `nth` matching one on, `count` of them (0: all)."""

    kind: str
    method: str = "*"
    path: str = ""
    vmid: int | None = None
    node: str = ""
    task: str = ""
    nth: int = 1
    count: int = 1
    after: bool = False
    code: int = 500
    text: str = ""
    seconds: float = 0.0
    warnings: int = 1
    target: str = ""
    action: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in REQUEST_KINDS and self.kind not in TASK_KINDS:
            known = ", ".join([*REQUEST_KINDS, *TASK_KINDS])
            raise Refused(f"The lab knows no fault '{self.kind}'. It knows: {known}.")
        for name in ("path", "task"):
            try:
                re.compile(getattr(self, name))
            except re.error as problem:
                raise Refused(f"The {name} of a fault is no regular expression: {problem}.") from problem

    @property
    def of_task(self) -> bool:
        return self.kind in TASK_KINDS

    def fits_request(self, method: str, path: str, vmids: Iterable[int], node: str) -> bool:
        """Whether a call is one of those this fault hits."""
        return (
            self.method in ("*", method)
            and re.search(self.path, path) is not None
            and (self.vmid is None or self.vmid in vmids)
            and self.node in ("", node)
        )

    def fits_task(self, task: LabTask) -> bool:
        """Whether a task is one of those this fault hits; a clone is found by its old and its new id."""
        return (
            re.fullmatch(self.task or ".*", task.type) is not None
            and (self.vmid is None or self.vmid in task.vmids)
            and self.node in ("", task.node)
        )


@dataclass(slots=True)
class _Armed:
    fault: InjectedFault
    seen: int = 0
    hit: int = 0

    def strikes(self) -> bool:
        """Count one match and say whether it is hit."""
        self.seen += 1
        if self.seen < self.fault.nth or self.spent:
            return False
        self.hit += 1
        return True

    @property
    def spent(self) -> bool:
        return bool(self.fault.count) and self.hit >= self.fault.count


class InjectedFaults:
    """The faults in force, in the order they were added."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, fault: InjectedFault) -> None:
        """Put a fault in force."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Take every fault out of force."""
        self._armed.clear()

    def remaining(self) -> list[InjectedFault]:
        """The faults that can still strike."""
        return [armed.fault for armed in self._armed if not armed.spent]

    def hits(self) -> int:
        """How often faults have struck."""
        return sum(armed.hit for armed in self._armed)

    def for_request(self, method: str, path: str, vmids: Iterable[int], node: str) -> list[InjectedFault]:
        """The faults that strike this call."""
        if not self._armed:
            return []
        return [
            armed.fault
            for armed in self._armed
            if not armed.fault.of_task
            and armed.fault.fits_request(method, path, vmids, node)
            and armed.strikes()
        ]

    def for_task(self, task: LabTask) -> InjectedFault | None:
        """The first fault that strikes this task."""
        for armed in self._armed:
            if armed.fault.of_task and armed.fault.fits_task(task) and armed.strikes():
                return armed.fault
        return None


def from_mapping(entry: object) -> InjectedFault:
    """A fault out of a mapping of a file or of the control endpoint; refuses unknown keys."""
    if not isinstance(entry, Mapping) or "kind" not in entry:
        raise Refused("A fault is a mapping with at least the key 'kind'.")
    known = {f.name for f in fields(InjectedFault)}
    unknown = sorted(set(entry) - known)
    if unknown:
        raise Refused(f"A fault has no key '{unknown[0]}'. It has: {', '.join(sorted(known))}.")
    for name, value in entry.items():
        wanted = KEY_TYPES.get(name, (str,))
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise Refused(f"The {name} of a fault must be {wanted[0].__name__}, not '{value}'.")
    return InjectedFault(**entry)


def load(path: Path) -> list[InjectedFault]:
    """The faults of a YAML or JSON file; refuses a file that is none."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except OSError as problem:
        raise Refused(f"The fault file {path} cannot be read: {problem.strerror}.") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise Refused(f"The fault file {path} is not valid YAML: {problem}.") from problem
    if not isinstance(entries, list):
        raise Refused(f"The fault file {path} must hold a list of faults.")
    return [from_mapping(entry) for entry in entries]
