"""Cloud-init values: `ipconfigN` and `sshkeys`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from engine.errors import Refused

from .options import NO_OPTIONS, Options

_DYNAMIC = ("dhcp", "auto", "manual")


@dataclass(frozen=True, slots=True)
class IpConfig:
    """The addresses of one network card, as cloud-init gives them to the guest."""

    options: Options = NO_OPTIONS

    @classmethod
    def parse(cls, text: str) -> IpConfig:
        """Reads `ip=192.0.2.5/24,gw=192.0.2.1,ip6=auto`."""
        return cls(Options.parse(text))

    @classmethod
    def of(
        cls, ip: str | None = None, gw: str | None = None, ip6: str | None = None, gw6: str | None = None
    ) -> IpConfig:
        """Puts addresses together; refuses a gateway that Proxmox would ignore together with everything else."""
        for address, gateway, family in ((ip, gw, "IPv4"), (ip6, gw6, "IPv6")):
            if gateway and (address is None or address in _DYNAMIC):
                raise Refused(f"An {family} gateway ({gateway}) needs a fixed {family} address beside it.")
        pairs = (("gw", gw), ("gw6", gw6), ("ip", ip), ("ip6", ip6))
        return cls(Options(tuple((key, value) for key, value in pairs if value)))

    def format(self) -> str:
        """The string to send."""
        return self.options.format()

    @property
    def ip(self) -> str | None:
        """The IPv4 address with its prefix, or dhcp."""
        return self.options.get("ip")

    @property
    def gw(self) -> str | None:
        """The IPv4 gateway."""
        return self.options.get("gw")

    @property
    def ip6(self) -> str | None:
        """The IPv6 address with its prefix, or dhcp, or auto."""
        return self.options.get("ip6")

    @property
    def gw6(self) -> str | None:
        """The IPv6 gateway."""
        return self.options.get("gw6")


def encode_ssh_keys(keys: Iterable[str]) -> str:
    """Keys as Proxmox wants them: percent-encoded once here, and once more by the form they travel in."""
    lines = (line.strip() for key in keys for line in key.splitlines())
    return quote("\n".join(line for line in lines if line), safe="")


def decode_ssh_keys(text: str | None) -> tuple[str, ...]:
    """The keys in a config value."""
    return tuple(line.strip() for line in unquote(text or "").splitlines() if line.strip())
