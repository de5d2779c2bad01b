"""Drive strings: `local-lvm:vm-100-disk-0,discard=on,iops_rd=500,size=32G`.

Proxmox replaces all options of a drive with what is sent, so every change starts from the string that was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .options import NO_OPTIONS, Options, number_text
from .sizes import parse_size

_KEY = re.compile(
    r"(?:ide[0-3]|sata[0-5]|scsi(?:[12]?\d|30)|virtio(?:\d|1[0-5])|efidisk0|tpmstate0|unused\d{1,3})"
)


def is_drive_key(key: str) -> bool:
    """Whether a config key names a drive, in use or detached."""
    return _KEY.fullmatch(key) is not None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a disk may do per second; 0 is unlimited."""

    mbps_rd: float = 0
    mbps_wr: float = 0
    iops_rd: int = 0
    iops_wr: int = 0


@dataclass(frozen=True, slots=True)
class Drive:
    """One drive of a guest: its volume and every option, in order."""

    volume: str
    options: Options = NO_OPTIONS

    @classmethod
    def parse(cls, text: str) -> Drive:
        """Reads a drive string; the volume may be bare or named file= or volume=."""
        volume, rest = Options.parse(text).take("file", "volume")
        return cls(volume or "none", rest)

    def format(self) -> str:
        """The string to send."""
        head = f"file={self.volume}" if "=" in self.volume else self.volume
        return f"{head},{self.options.format()}" if self.options.parts else head

    @property
    def storage(self) -> str | None:
        """The storage the volume lies on, or None for an empty drive."""
        storage, colon, _name = self.volume.partition(":")
        return storage if colon else None

    @property
    def size(self) -> int | None:
        """The size in bytes, as Proxmox last wrote it."""
        return parse_size(self.options.get("size"))

    @property
    def is_cloudinit(self) -> bool:
        """Whether this is the drive the guest reads its cloud-init data from."""
        name = self.volume.partition(":")[2]
        return name == "cloudinit" or re.search(r"(?:^|/)vm-\d+-cloudinit(?:\.|$)", name) is not None

    @property
    def is_cdrom(self) -> bool:
        """Whether this is a CD drive for ISO images."""
        return self.options.get("media") == "cdrom" and not self.is_cloudinit

    @property
    def is_disk(self) -> bool:
        """Whether this holds data of the guest."""
        return self.options.get("media") != "cdrom" and not self.is_cloudinit and self.volume != "none"

    @property
    def limits(self) -> Limits:
        """The limits now set."""
        get = self.options.number
        return Limits(get("mbps_rd"), get("mbps_wr"), int(get("iops_rd")), int(get("iops_wr")))

    def with_option(self, key: str, value: str | None) -> Drive:
        """The same drive with one option changed, or without it."""
        options = self.options.without(key) if value is None else self.options.with_(key, value)
        return replace(self, options=options)

    def with_limits(self, limits: Limits) -> Drive:
        """The same drive with these limits; bursts go with the limit they belong to, as QEMU demands."""
        options = self.options
        for name in ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr"):
            value = getattr(limits, name)
            if value:
                total = name.partition("_")[0]  # QEMU refuses a total beside a limit per direction
                options = options.without(total, f"{total}_max", f"{total}_max_length")
                options = options.with_(name, number_text(value))
            else:
                options = options.without(name, f"{name}_max", f"{name}_max_length", f"{name}_length")
        return replace(self, options=options)
