"""How consoles are opened; set once when the site is opened, from `[console]` of its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from engine.checked import Check, CheckedSettings, checked, setting
from engine.consoles.keys import control_key
from engine.errors import Refused
from engine.validation import sentences

_SYSTEM = Path("/usr/share/novnc")


def _address(given: str) -> str:
    try:
        return str(ip_address(given))
    except ValueError as error:
        raise ValueError(f"'{given}' is not an IP address; write one of this host's") from error


def _origin(given: str) -> str:
    try:
        parts = urlsplit(given)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if given and (
        not known or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username
    ):
        raise ValueError(f"'{given}' must be scheme, host and port alone, such as https://vnc.example.com")
    return given.rstrip("/").lower()


def _control_key(given: str) -> str:
    try:
        control_key(given)
    except Refused as error:
        raise ValueError(error.sentence.rstrip(".")) from None
    return given


@dataclass(frozen=True)
class ConsoleSettings(CheckedSettings):
    """`[console]`: the address and port links are served at, how browsers reach it, where noVNC is, the detach key."""

    address: Annotated[str, Check(_address)] = setting(
        "127.0.0.1", "IP address that noVNC links are served on."
    )
    port: int = setting(0, "Port of the links; 0 takes a free one.", ge=0, le=65535)
    url: Annotated[str, Check(_origin, max_length=200)] = setting(
        "", "Base URL that browsers use, behind a tunnel or a TLS proxy."
    )
    insecure: bool = setting(
        False, "Allow plain HTTP beyond this host; only on a network that is itself encrypted."
    )
    novnc: Path | None = setting(
        None, "Folder of your own copy of noVNC; else kvmtui's or Debian's. Relative to this file."
    )
    detach: Annotated[str, Check(_control_key)] = setting("ctrl+]", "The key that leaves a serial console.")

    def __post_init__(self) -> None:
        """A screen shows passwords being typed: it does not cross a network in clear unless that is written out."""
        if ip_address(self.address).is_unspecified and not self.url:
            raise ValueError(f"{self.address} is every address; give the url browsers use, or one address")
        public = self.url or f"http://{self.host}"
        outside = not (_stays_here(self.address) and _stays_here(urlsplit(public).hostname or ""))
        if outside and not public.startswith("https://") and not self.insecure:
            raise ValueError(
                "screens would cross the network in clear; put a TLS front before it and give its url as "
                "https://…, or write insecure = true into [console] when the network itself is encrypted"
            )

    def at(self, address: str) -> ConsoleSettings:
        """The same, served at another address of this host; refused where that would not be safe."""
        host, port = _split(address)
        try:
            return checked(
                ConsoleSettings, vars(self) | {"address": host, "port": port or self.port, "url": ""}
            )
        except ValueError as error:
            raise Refused(f"Links cannot be served at {address}: {sentences(error)}") from None

    @property
    def host(self) -> str:
        """The address as a URL writes it."""
        return f"[{self.address}]" if ":" in self.address else self.address


def _stays_here(host: str) -> bool:
    """Whether what is sent to this host never leaves this host."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _split(address: str) -> tuple[str, str]:
    """Host and port of `192.0.2.1`, `192.0.2.1:5800`, `::1` or `[::1]:5800`; the port may be omitted."""
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = address.rpartition(":")
    return (host, port) if address.count(":") == 1 else (address, "")


_now = ConsoleSettings()
_kept: tuple[Path, ...] = (Path(),)


def use(settings: ConsoleSettings, *kept: Path) -> None:
    """From now on links are served as these settings say; a noVNC of our own is put into the first of `kept`."""
    global _now, _kept
    _now, _kept = settings, kept


def current() -> ConsoleSettings:
    """The settings of the open site."""
    return _now


def novnc_folder() -> Path:
    """Where `--get-novnc` puts noVNC."""
    return _kept[0]


def novnc_folders() -> tuple[Path, ...]:
    """Where noVNC is looked for, in this order."""
    return (_now.novnc,) if _now.novnc else tuple(dict.fromkeys((*_kept, _SYSTEM)))
