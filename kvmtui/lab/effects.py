"""What took effect in the simulated cluster, in order, and the plain values tests look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LabEffect:
    """One change that really happened, whatever the client received as an answer."""

    time: float
    action: str
    node: str
    vmid: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class LabGuestState:
    """A guest as it is now, copied out of the lab."""

    vmid: int
    node: str
    name: str
    description: str
    config: dict[str, Any]
    status: str
    lock: str | None
    template: bool
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VolumeView:
    """A volume as it is now."""

    volid: str
    node: str
    size: int
    format: str
    content: str
    vmid: int | None
    parent: str | None
    notes: str | None
    protected: bool


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as it is now; exitstatus is None while it runs."""

    upid: str
    node: str
    type: str
    id: str
    user: str
    starttime: float
    endtime: float | None
    exitstatus: str | None
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """A console somebody has open now, with the size of their terminal."""

    vmid: int
    kind: str
    columns: int
    rows: int


@dataclass(slots=True)
class RequestLog:
    """Every request: how many, to which node, and each as (method, path, status); status 0 is no answer."""

    limit: int = 200_000
    count: int = 0
    per_node: dict[str, int] = field(default_factory=dict)
    entries: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, method: str, path: str, status: int, node: str | None) -> None:
        """Note one request; beyond the limit only the counters grow."""
        self.count += 1
        if node:
            self.per_node[node] = self.per_node.get(node, 0) + 1
        if len(self.entries) < self.limit:
            self.entries.append((method, path, status))

    def clear(self) -> None:
        """Reset the counters."""
        self.count = 0
        self.per_node.clear()
        self.entries.clear()
