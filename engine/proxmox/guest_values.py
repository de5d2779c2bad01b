"""What a guest is, as plain values: its config, status, snapshots, usage and firewall."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .answers import Row, flag_of, int_of, maybe_text, number_of, text_of
from .codecs import Agent, Boot, Drive, IpConfig, Net, Smbios, is_drive_key
from .mark import Mark, find_mark

_NOT_OPTIONS = ("digest", "lock")
_LONG = ("cipassword", "sshkeys", "description")  # secret, or no use to read
_READABLE = 60
_BUSES = ("scsi", "virtio", "sata", "ide")


@dataclass(frozen=True, slots=True)
class GuestConfig:
    """A guest's config as read: the raw values and typed views of those the engine works with."""

    raw: Mapping[str, object]

    def text(self, key: str) -> str:
        """A value as text, empty when absent."""
        return text_of(self.raw, key)

    @property
    def digest(self) -> str | None:
        """The fingerprint of this state of the config; sent along, it refuses a change made on stale knowledge."""
        return maybe_text(self.raw, "digest")

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.text("name")

    @property
    def description(self) -> str:
        """The guest's notes, our mark among them."""
        return self.text("description")

    @property
    def mark(self) -> Mark | None:
        """The ownership mark, if there is exactly one."""
        return find_mark(self.description)

    @property
    def smbios_uuid(self) -> str | None:
        """The VM's own identity, lower case."""
        uuid = Smbios.parse(self.text("smbios1")).uuid
        return uuid.lower() if uuid else None

    @property
    def lock(self) -> str | None:
        """The lock a task holds, or one left behind."""
        return maybe_text(self.raw, "lock")

    @property
    def template(self) -> bool:
        """Whether this is a template."""
        return flag_of(self.raw, "template")

    @property
    def protection(self) -> bool:
        """Whether Proxmox refuses to destroy it."""
        return flag_of(self.raw, "protection")

    @property
    def memory_mib(self) -> int:
        """Memory in MiB; a number in PVE 7, a property string since 8.1."""
        digits = re.search(r"\d+", self.text("memory"))
        return int(digits[0]) if digits else 512

    @property
    def cores(self) -> int:
        """Cores per socket."""
        return int_of(self.raw, "cores", 1)

    @property
    def sockets(self) -> int:
        """CPU sockets."""
        return int_of(self.raw, "sockets", 1)

    @property
    def custom_cpu(self) -> bool:
        """Whether it has a CPU model of the site's own, which needs a privilege to be cloned."""
        return self.text("cpu").removeprefix("cputype=").startswith("custom-")

    @property
    def ostype(self) -> str:
        """The kind of system inside, as Proxmox names it."""
        return self.text("ostype")

    @property
    def windows(self) -> bool:
        """Whether it is Windows, for which Proxmox keeps a cloud-init password in clear."""
        return self.ostype.startswith(("w", "W"))

    @property
    def agent(self) -> Agent:
        """Whether Proxmox talks to an agent in the guest."""
        return Agent.parse(self.text("agent"))

    @property
    def boot(self) -> Boot:
        """What it boots from."""
        return Boot.parse(self.text("boot"))

    @property
    def drives(self) -> dict[str, Drive]:
        """Every drive by its key, detached ones left out."""
        keys = (key for key in self.raw if is_drive_key(key) and not key.startswith("unused"))
        return {key: Drive.parse(self.text(key)) for key in keys}

    @property
    def unused(self) -> dict[str, str]:
        """Detached volumes by their unusedN key."""
        return {key: self.text(key) for key in self.raw if key.startswith("unused") and is_drive_key(key)}

    @property
    def nets(self) -> dict[str, Net]:
        """Every network card by its key."""
        return {key: Net.parse(self.text(key)) for key in self.raw if re.fullmatch(r"net\d+", key)}

    def ipconfig(self, index: int = 0) -> IpConfig:
        """The cloud-init addresses of one card."""
        return IpConfig.parse(self.text(f"ipconfig{index}"))

    @property
    def system_disk(self) -> str | None:
        """The key of the disk it boots from: the first in the boot order, else the first by bus."""
        disks = {key for key, drive in self.drives.items() if drive.is_disk and key.startswith(_BUSES)}
        ordered = [key for key in self.boot.order if key in disks]
        rest = sorted(disks, key=lambda key: (_bus(key), int(re.sub(r"\D", "", key))))
        return next(iter([*ordered, *rest]), None)

    @property
    def cloudinit_drive(self) -> str | None:
        """The key of the cloud-init drive."""
        return next((key for key, drive in self.drives.items() if drive.is_cloudinit), None)

    @property
    def cd_drive(self) -> str | None:
        """The key of the CD drive for ISO images."""
        return next((key for key, drive in self.drives.items() if drive.is_cdrom), None)


def _bus(key: str) -> int:
    return next(index for index, bus in enumerate(_BUSES) if key.startswith(bus))


@dataclass(frozen=True, slots=True)
class GuestLocation:
    """Where a guest really is, with the config that proves it."""

    vmid: int
    node: str
    config: GuestConfig


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A config key that changes with the next start; `wanted` is None when it is to be removed."""

    key: str
    now: str | None
    wanted: str | None

    @property
    def line(self) -> str:
        """The change as a line of a log: `cores: 1 now, 2 after the next start`."""
        if self.key in _LONG or max(len(self.now or ""), len(self.wanted or "")) > _READABLE:
            return f"{self.key}: the change takes effect at the next start"
        return f"{self.key}: {self.now or 'not there'} now, {self.wanted or 'not there'} after the next start"


def pending_changes(now: GuestConfig, planned: GuestConfig) -> tuple[PendingChange, ...]:
    """What differs between a config as it is and as the next start makes it, by key."""
    keys = sorted(key for key in {*now.raw, *planned.raw} if key not in _NOT_OPTIONS)
    pairs = ((key, maybe_text(now.raw, key), maybe_text(planned.raw, key)) for key in keys)
    return tuple(PendingChange(key, before, after) for key, before, after in pairs if before != after)


@dataclass(frozen=True, slots=True)
class GuestStatus:
    """The current status of a guest."""

    status: str
    qmpstatus: str
    lock: str | None
    ha_managed: bool
    uptime: int
    cpus: float
    cpu: float
    memory: int
    memory_used: int
    net_in: int
    net_out: int
    disk_read: int
    disk_written: int
    ha_state: str = ""

    @classmethod
    def of(cls, row: Row) -> GuestStatus:
        """Reads the answer of status/current."""
        ha = row.get("ha")
        status = text_of(row, "status")
        return cls(
            status,
            text_of(row, "qmpstatus", status),
            maybe_text(row, "lock"),
            flag_of(ha, "managed") if isinstance(ha, dict) else False,
            int_of(row, "uptime"),
            number_of(row, "cpus") or 0.0,
            number_of(row, "cpu") or 0.0,
            int_of(row, "maxmem"),
            int_of(row, "mem"),
            int_of(row, "netin"),
            int_of(row, "netout"),
            int_of(row, "diskread"),
            int_of(row, "diskwrite"),
            text_of(ha, "state") if isinstance(ha, dict) else "",
        )

    @property
    def running(self) -> bool:
        """Whether the VM is on."""
        return self.status == "running"


@dataclass(frozen=True, slots=True)
class GuestSnapshot:
    """A snapshot of a guest."""

    name: str
    description: str
    created_ms: int
    parent: str | None
    with_memory: bool

    @classmethod
    def of(cls, row: Row) -> GuestSnapshot:
        """Reads a row of a snapshot list."""
        return cls(
            text_of(row, "name"),
            text_of(row, "description").rstrip("\n"),
            int_of(row, "snaptime") * 1000,
            maybe_text(row, "parent"),
            flag_of(row, "vmstate"),
        )


@dataclass(frozen=True, slots=True)
class RrdPoint:
    """One point of a guest's usage; None where Proxmox has no data. Traffic is bytes per second."""

    time_ms: int
    cpu: float | None
    maxcpu: float | None
    memory_used: float | None
    memory: float | None
    net_in: float | None
    net_out: float | None
    disk_read: float | None
    disk_written: float | None

    @classmethod
    def of(cls, row: Row) -> RrdPoint:
        """Reads a row of rrddata."""
        keys = ("cpu", "maxcpu", "mem", "maxmem", "netin", "netout", "diskread", "diskwrite")
        return cls(int_of(row, "time") * 1000, *(number_of(row, key) for key in keys))


@dataclass(frozen=True, slots=True)
class IpSetEntry:
    """One address of an IP set, without the suffix of a single address."""

    cidr: str
    nomatch: bool
    comment: str
    digest: str | None
