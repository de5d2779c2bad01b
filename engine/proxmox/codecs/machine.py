"""The smaller property strings of a guest: boot order, guest agent, SMBIOS."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .options import NO_OPTIONS, Options


@dataclass(frozen=True, slots=True)
class Boot:
    """What a guest boots from; `legacy` is the old form, letters for disk, CD and network."""

    order: tuple[str, ...] = ()
    legacy: str | None = None
    options: Options = NO_OPTIONS

    @classmethod
    def parse(cls, text: str) -> Boot:
        """Reads `order=scsi0;ide2;net0` and the old `cdn`."""
        parts = Options.parse(text)
        order = parts.get("order")
        legacy, rest = parts.without("order").take("legacy")
        return cls(tuple(order.split(";")) if order else (), legacy, rest)

    def format(self) -> str:
        """The string to send."""
        parts = [self.legacy] if self.legacy else []
        parts += [f"order={';'.join(self.order)}"] if self.order else []
        parts += [self.options.format()] if self.options.parts else []
        return ",".join(parts)

    def first(self, device: str) -> Boot:
        """The same order with this device in front."""
        return replace(self, order=(device, *(name for name in self.order if name != device)))


@dataclass(frozen=True, slots=True)
class Agent:
    """Whether Proxmox talks to an agent in the guest."""

    enabled: bool = False
    options: Options = NO_OPTIONS

    @classmethod
    def parse(cls, text: str) -> Agent:
        """Reads `1`, `enabled=1,fstrim_cloned_disks=1`."""
        value, rest = Options.parse(text).take("enabled")
        return cls((value or "0").lower() in ("1", "on", "yes", "true"), rest)

    def format(self) -> str:
        """The string to send."""
        head = "1" if self.enabled else "0"
        return f"{head},{self.options.format()}" if self.options.parts else head


@dataclass(frozen=True, slots=True)
class Smbios:
    """What the guest's firmware says about the VM; the uuid is its identity."""

    uuid: str | None = None
    options: Options = NO_OPTIONS

    @classmethod
    def parse(cls, text: str) -> Smbios:
        """Reads `uuid=…,serial=…,base64=1`."""
        parts = Options.parse(text)
        return cls(parts.get("uuid"), parts.without("uuid"))

    def format(self) -> str:
        """The string to send."""
        parts = [f"uuid={self.uuid}"] if self.uuid else []
        return ",".join([*parts, self.options.format()] if self.options.parts else parts)
