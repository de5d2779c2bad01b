"""One simulated VM: its config, its power state, and what the cluster last broadcast about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

# How many changes of name and state are remembered to answer with a state that is ten seconds old.
REMEMBERED = 8


@dataclass(eq=False)
class LabGuest:
    """A VM of the lab; its config is the file Proxmox would keep, lock, name and template included."""

    vmid: int
    node: str
    config: dict[str, Any] = field(default_factory=dict)
    status: str = "stopped"
    qmpstatus: str = "stopped"
    pending: dict[str, Any] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    # The guest's own description at the time of each snapshot, which a rollback brings back.
    descriptions: dict[str, str | None] = field(default_factory=dict)
    pool: str | None = None
    # What the cloud-init drive holds: the options as of its last generation.
    generated: dict[str, Any] = field(default_factory=dict)
    # Guest agent answers; None when no agent runs inside.
    agent: dict[str, Any] | None = None
    agent_requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    agent_execs: dict[int, list[str]] = field(default_factory=dict)
    agent_pid: int = 1000
    agent_frozen: bool = False
    # An operating system that ignores the power button.
    deaf: bool = False
    # From when to when it ran, in virtual seconds; the last end is None while it runs.
    runs: list[list[float | None]] = field(default_factory=list)
    seen: list[tuple[float, str, str]] = field(default_factory=list)
    # Its HA resource; None when it has none.
    ha: dict[str, Any] | None = None
    # What the HA manager is doing with it; empty until the manager has seen the resource.
    ha_state: str = ""

    @property
    def name(self) -> str:
        return str(self.config.get("name") or f"VM {self.vmid}")

    @property
    def lock(self) -> str | None:
        found = self.config.get("lock")
        return str(found) if found else None

    @property
    def template(self) -> bool:
        return bool(self.config.get("template"))

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def guest(self) -> str:
        """The id as /cluster/resources shows it."""
        return f"qemu/{self.vmid}"

    @property
    def ha_managed(self) -> bool:
        """Whether HA acts for it: a resource that is to be ignored counts as none."""
        return self.ha is not None and self.ha.get("state") != "ignored"

    @property
    def path(self) -> str:
        """The path of its permissions."""
        return f"/vms/{self.vmid}"

    def digest(self) -> str:
        """The digest of the whole config file, pending changes and snapshots included."""
        text = json.dumps([self.config, self.pending, self.snapshots], sort_keys=True, default=str)
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def set_lock(self, lock: str | None) -> None:
        """Write or remove the lock in the config."""
        if lock:
            self.config["lock"] = lock
        else:
            self.config.pop("lock", None)

    def merged(self) -> dict[str, Any]:
        """The config with pending changes applied, as GET config shows it."""
        shown = dict(self.config)
        for key, value in self.pending.items():
            if value is None:
                shown.pop(key, None)
            else:
                shown[key] = value
        return shown

    def power(self, status: str, now: float) -> None:
        """Switch between running and stopped and note when."""
        if status == "running":
            self.runs.append([now, None])
        elif self.runs and self.runs[-1][1] is None:
            self.runs[-1][1] = now
        self.status = self.qmpstatus = status
        if status != "running":
            self.agent_frozen = False
        self.note(now)

    def note(self, now: float) -> None:
        """Remember what the next broadcast will say."""
        state = (self.status, self.name)
        if not self.seen or self.seen[-1][1:] != state:
            self.seen.append((now, *state))
            del self.seen[:-REMEMBERED]

    def broadcast(self, moment: float) -> tuple[str, str] | None:
        """Status and name as broadcast at that moment; None when the guest did not exist yet."""
        known: tuple[str, str] | None = None
        for since, status, name in self.seen:
            if since > moment:
                break
            known = (status, name)
        if known is None and len(self.seen) == REMEMBERED:
            known = self.seen[0][1:]
        return known

    @property
    def booted(self) -> float | None:
        """When it was started, or None while it is stopped."""
        return self.runs[-1][0] if self.running and self.runs else None
