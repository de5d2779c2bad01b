"""What a cluster is made of, as plain values: nodes, storages, bridges, tasks, backups, rights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from engine import redact
from engine.counting import counted

from .answers import Row, flag_of, int_of, maybe_text, number_of, text_of
from .faults import TaskExit, task_ending

_UPID = re.compile(
    r"UPID:(?P<node>[^:\s]+):(?P<pid>[0-9A-Fa-f]{8,9}):(?P<pstart>[0-9A-Fa-f]{8,}):(?P<start>[0-9A-Fa-f]{8}):"
    r"(?P<type>[^:\s]+):(?P<id>[^:\s]*):(?P<user>[^:\s]+):"
)


@dataclass(frozen=True, slots=True)
class Version:
    """The version of Proxmox VE a server runs."""

    text: str
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, row: Row) -> Version:
        """Reads the answer of /version."""
        text = text_of(row, "version", "0")
        return cls(text, tuple(int(part) for part in re.findall(r"\d+", text)[:3]) or (0,))

    @property
    def major(self) -> int:
        """7, 8 or 9."""
        return self.numbers[0]

    def at_least(self, *wanted: int) -> bool:
        """Whether this is that version or a newer one."""
        return self.numbers >= wanted


@dataclass(frozen=True, slots=True)
class Upid:
    """What the name of a task contains."""

    text: str
    node: str
    started_ms: int
    type: str
    id: str
    user: str

    @classmethod
    def parse(cls, text: str) -> Upid | None:
        """The parts of a UPID, or None if it is none."""
        match = _UPID.fullmatch(text)
        if match is None:
            return None
        started = int(match["start"], 16) * 1000
        return cls(text, match["node"], started, match["type"], match["id"], match["user"])


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task and its status; `ending` is None while it runs."""

    upid: str
    node: str
    type: str
    id: str
    user: str
    started_ms: int
    ended_ms: int | None
    exitstatus: str | None

    @classmethod
    def of(cls, row: Row) -> TaskStatus:
        """Reads a row of a task list or the answer of a task's status."""
        status = text_of(row, "status")
        exitstatus = maybe_text(row, "exitstatus")
        if exitstatus is None and status.lower() not in ("", "running"):
            exitstatus = "unexpected status" if status == "stopped" else status
        ended = int_of(row, "endtime") * 1000 or None
        return cls(
            text_of(row, "upid"),
            text_of(row, "node"),
            text_of(row, "type"),
            text_of(row, "id"),
            text_of(row, "user"),
            int_of(row, "starttime") * 1000,
            ended,
            exitstatus,
        )

    @property
    def running(self) -> bool:
        """Whether Proxmox still works on it."""
        return self.exitstatus is None

    @property
    def ending(self) -> TaskExit | None:
        """How it ended, sorted by the table of failures."""
        return None if self.exitstatus is None else task_ending(self.exitstatus)

    @property
    def only_requested(self) -> bool:
        """Whether success means only that the HA manager accepted the request; the state changes later."""
        return self.type.startswith("ha")


@dataclass(frozen=True, slots=True)
class TaskLogLine:
    """One line of a task's log, counted from 1."""

    n: int
    text: str


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whether enough nodes see each other for the cluster to accept changes; a single node always does."""

    quorate: bool
    online: int
    total: int
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Quorum:
        """Reads the answer of /cluster/status; a node that is no cluster has no row about one."""
        entries = list(rows)
        nodes = {text_of(row, "name"): flag_of(row, "online") for row in entries if row.get("type") == "node"}
        cluster = next((row for row in entries if row.get("type") == "cluster"), {})
        total = max(int_of(cluster, "nodes"), len(nodes))
        missing = tuple(sorted(name for name, online in nodes.items() if not online))
        return cls(flag_of(cluster, "quorate", True), sum(nodes.values()), total, missing)

    @property
    def count(self) -> str:
        """How many nodes see each other, such as `1 of 2 nodes`."""
        return f"{self.online} of {counted(self.total, 'nodes')}"


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node and what it has left; `online` is false only for a node that the cluster calls offline.

    A node whose status is `unknown` has not reported its figures yet; work on it is possible.
    """

    name: str
    online: bool
    cpus: int
    cpu: float
    memory: int
    memory_used: int
    reported: bool = True

    @classmethod
    def of(cls, row: Row) -> NodeInfo:
        """Reads a row of /nodes."""
        status = text_of(row, "status")
        load = number_of(row, "cpu") or 0.0
        return cls(
            text_of(row, "node"),
            status in ("online", "unknown"),
            int_of(row, "maxcpu"),
            load,
            int_of(row, "maxmem"),
            int_of(row, "mem"),
            status != "unknown",
        )

    @property
    def memory_free(self) -> int:
        """Bytes of memory nobody uses."""
        return max(0, self.memory - self.memory_used)


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as one node sees it."""

    name: str
    node: str
    type: str
    content: frozenset[str]
    shared: bool
    enabled: bool
    active: bool
    total: int
    available: int

    @classmethod
    def of(cls, row: Row, node: str) -> Storage:
        """Reads a row of /nodes/{node}/storage."""
        content = frozenset(part.strip() for part in text_of(row, "content").split(",") if part.strip())
        return cls(
            text_of(row, "storage"),
            node,
            text_of(row, "type"),
            content,
            flag_of(row, "shared"),
            flag_of(row, "enabled", True),
            flag_of(row, "active"),
            int_of(row, "total"),
            int_of(row, "avail"),
        )

    @property
    def usable(self) -> bool:
        """Whether disks can be put there right now."""
        return self.enabled and self.active


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge or SDN network a guest can be plugged into."""

    name: str
    node: str
    kind: str
    active: bool
    vlan_aware: bool

    @classmethod
    def of(cls, row: Row, node: str) -> Bridge:
        """Reads a row of /nodes/{node}/network."""
        return cls(
            text_of(row, "iface"),
            node,
            text_of(row, "type"),
            flag_of(row, "active"),
            flag_of(row, "bridge_vlan_aware"),
        )


@dataclass(frozen=True, slots=True)
class Resource:
    """A guest in the cluster's own overview; name, state and usage are up to ten seconds old."""

    vmid: int
    node: str
    kind: str
    name: str
    status: str
    template: bool
    lock: str | None
    maxmem: int
    uptime: int
    net_in: int = 0
    net_out: int = 0
    ha_state: str = ""
    cpus: int = 0
    maxdisk: int = 0
    """Size of the boot disk in bytes."""
    cpu: float = 0.0
    """Share of all its processors that is in use."""
    memory_used: int = 0

    @classmethod
    def of(cls, row: Row) -> Resource:
        """Reads a row of /cluster/resources."""
        return cls(
            int_of(row, "vmid"),
            text_of(row, "node"),
            text_of(row, "type"),
            text_of(row, "name"),
            text_of(row, "status"),
            flag_of(row, "template"),
            maybe_text(row, "lock"),
            int_of(row, "maxmem"),
            int_of(row, "uptime"),
            int_of(row, "netin"),
            int_of(row, "netout"),
            text_of(row, "hastate"),
            int_of(row, "maxcpu"),
            int_of(row, "maxdisk"),
            number_of(row, "cpu") or 0.0,
            int_of(row, "mem"),
        )


@dataclass(frozen=True, slots=True)
class Volume:
    """One thing on a storage: a disk, a backup or an ISO image."""

    volid: str
    content: str
    format: str
    size: int
    vmid: int | None
    created_ms: int | None
    notes: str
    protected: bool

    @classmethod
    def of(cls, row: Row, content: str) -> Self:
        """Reads a row of a storage's content."""
        created = int_of(row, "ctime")
        return cls(
            text_of(row, "volid"),
            text_of(row, "content", content),
            text_of(row, "format"),
            int_of(row, "size") or int_of(row, "approximate-size"),
            int_of(row, "vmid") or None,
            created * 1000 if created else None,
            text_of(row, "notes"),
            flag_of(row, "protected"),
        )

    @property
    def storage(self) -> str:
        """The storage it lies on."""
        return self.volid.partition(":")[0]

    @property
    def name(self) -> str:
        """The file's name, without storage and folder."""
        return self.volid.rpartition("/")[2] if "/" in self.volid else self.volid.partition(":")[2]


class Backup(Volume):
    """A backup of a guest."""

    __slots__ = ()


class IsoImage(Volume):
    """An ISO image that can be put into a CD drive."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the login may do, per path; a right counts below its path only when it propagates."""

    paths: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Row) -> Permissions:
        """Reads the answer of /access/permissions."""
        paths: dict[str, dict[str, bool]] = {}
        for path, rights in answer.items():
            if isinstance(rights, dict):
                paths[path] = {str(name): flag_of(rights, name) for name in rights}
        return cls(paths)

    def has(self, path: str, *privileges: str) -> bool:
        """Whether one of these privileges holds at a path."""
        if path in self.paths:
            return any(name in self.paths[path] for name in privileges)
        while path != "/":
            path = path.rpartition("/")[0] or "/"
            if path in self.paths:
                return any(self.paths[path].get(name, False) for name in privileges)
        return False


@dataclass(frozen=True, slots=True)
class ConsoleTicket:
    """A seat at a guest's console: valid for seconds, at this host only."""

    host: str
    port: int
    url: str = field(repr=False)
    user: str
    ticket: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    password: str | None = field(default=None, repr=False)
    upid: str | None = None

    def __post_init__(self) -> None:
        redact.register(self.ticket)
        redact.register(self.password)
