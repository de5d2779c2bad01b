"""A VM as it is at this moment: its state, its usage, and its drift from the product.

One reading is two requests: the status, and the config with the changes that wait for the next start. A VM that is
not on its node is searched for; nothing is requested for a VM that nobody watches.

    view = live(5546)
    view.looked.state, view.looked.sentence      # "seen", or why it could not be seen
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from engine.proxmox.guest_values import GuestConfig, GuestStatus, PendingChange, pending_changes
from engine.proxmox.guest_view import GuestView
from engine.queries.drift import Drift, Fact, compare
from engine.queries.observation import GuestReader, Observation, ObservedVm, number


@dataclass(frozen=True, slots=True)
class GuestUsage:
    """What a VM uses. Processor in percent of its cores, memory in bytes."""

    cpu_percent: float
    cpus: float
    memory_used: int
    memory: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """Bytes per second since the look before."""

    net_in: float
    net_out: float
    disk_read: float
    disk_written: float


@dataclass(frozen=True, slots=True)
class GuestState:
    """How a VM stands; `power` is running or stopped, `qmp` says more about a running one."""

    power: str
    qmp: str
    uptime_s: int
    lock: str
    ha: bool
    agent: bool
    iso: str
    iso_pending: str = ""
    """The image that the drive holds after the next start, when that is another; a word for an empty drive."""


@dataclass(frozen=True, slots=True)
class LiveView:
    """One look at a VM; all but `looked` is None unless it was seen."""

    looked: Observation
    standing: GuestState | None = None
    usage: GuestUsage | None = None
    flow: Throughput | None = None
    beside: Drift | None = None  # a field of `vm show --live --json`
    pending: tuple[PendingChange, ...] = ()
    """What the next start changes, whether the product has a word on it or not."""

    @property
    def drift(self) -> tuple[Fact, ...]:
        """What applying the product would change."""
        return self.beside.drift if self.beside is not None else ()


_Read = tuple[GuestStatus, Drift, GuestState, tuple[PendingChange, ...]]
_Counted = tuple[float, GuestStatus]


class LiveReader:
    """Looks at one VM again and again: one login, and what moved between two looks."""

    def __init__(self, service_id: int) -> None:
        self._eye: GuestReader[_Read] = GuestReader(service_id, _read)
        self._before: _Counted | None = None

    def look(self) -> LiveView:
        """One look; refused only when the service has no VM or is unknown."""
        looked, found = self._eye.look()
        if found is None:
            self._before = None
            return LiveView(looked)
        status, drift, standing, pending = found
        counted = time.monotonic(), status
        flow = _flow(self._before, counted)
        self._before = counted
        return LiveView(looked, standing, _usage(status), flow, drift, pending)

    def close(self) -> None:
        """Lets go of the cluster."""
        self._eye.close()


def live(service_id: int) -> LiveView:
    """A VM as it is now; refused only when the service has no VM or is unknown."""
    lookout = LiveReader(service_id)
    try:
        return lookout.look()
    finally:
        lookout.close()


def _read(subject: ObservedVm, view: GuestView) -> _Read:
    now, planned = view.configs()
    subject.prove(now)
    status = view.status()
    standing = GuestState(
        status.status,
        status.qmpstatus,
        status.uptime,
        status.lock or now.lock or "",
        status.ha_managed,
        now.agent.enabled,
        _iso(now),
        "" if _iso(now) == _iso(planned) else _iso(planned) or "empty",
    )
    return status, compare(subject.vm, subject.plan, now, planned), standing, pending_changes(now, planned)


def _iso(config: GuestConfig) -> str:
    """The image in the CD drive; empty for an empty drive or none."""
    volume = config.drives[config.cd_drive].volume if config.cd_drive else "none"
    return "" if volume in ("none", "cdrom") else volume


def _usage(status: GuestStatus) -> GuestUsage:
    cpu = number(100 * status.cpu, 1) or 0.0
    return GuestUsage(cpu, status.cpus, status.memory_used, status.memory)


def _flow(before: _Counted | None, now: _Counted) -> Throughput | None:
    """What moved between two looks; None for the first look, and when the counters began again."""
    if before is None:
        return None
    seconds = now[0] - before[0]
    names = ("net_in", "net_out", "disk_read", "disk_written")
    moved = [getattr(now[1], name) - getattr(before[1], name) for name in names]
    if seconds <= 0 or now[1].uptime < before[1].uptime or min(moved) < 0:
        return None
    return Throughput(*(each / seconds for each in moved))
