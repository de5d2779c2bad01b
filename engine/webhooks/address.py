"""Which URLs and addresses may be called. What an address is, is looked up once and that one is called."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from engine.errors import InvalidValue, Refused

Address = IPv4Address | IPv6Address
_NAT64 = ip_network("64:ff9b::/96")
_LONGEST = 2000


class Unreachable(Exception):
    """The host cannot be called: unknown, or at an address that is not allowed."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


def target(url: str, allow_private: bool) -> Target:
    """The URL in parts; refused unless it is one that may be called."""
    wrong = f"'{url[:200]}' is not a URL for a webhook"
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (
            (parts.hostname or "").encode("idna").decode()
            if ":" not in (parts.hostname or "")
            else parts.hostname
        )
    except (ValueError, UnicodeError) as error:
        raise InvalidValue("url", f"{wrong}: {error}.") from None
    if parts.scheme not in ("https", "http") or not host:
        raise InvalidValue("url", f"{wrong}: write it like https://shop.example/hooks.")
    if len(url) > _LONGEST or any(ord(each) < 33 or ord(each) > 126 for each in parts.path + parts.query):
        raise InvalidValue(
            "url", f"{wrong}: it is longer than {_LONGEST} characters or has characters that must be escaped."
        )
    if parts.username is not None or parts.fragment:
        raise InvalidValue(
            "url", f"{wrong}: it must have neither user nor fragment. Messages are signed instead."
        )
    if not allow_private and parts.scheme == "http":
        raise Refused(f"{wrong}: without TLS it is called only when private addresses are allowed.")
    if not allow_private and (
        host == "localhost" or ((known := _literal(host)) is not None and is_private(known))
    ):
        raise Refused(
            f"{wrong}: {host} is a private address. Allow that explicitly: --allow-private, in the API allow_private."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or {"https": 443, "http": 80}[parts.scheme], path)


def resolve(wanted: Target, allow_private: bool) -> str:
    """The address to call; every address of the host must be allowed, so that a second answer cannot be another one."""
    try:
        found = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(
            f"{wanted.host} was not found: {getattr(error, 'strerror', None) or error}"
        ) from None
    addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if not addresses:
        raise Unreachable(f"{wanted.host} has no address")
    if not allow_private:
        for each in addresses:
            if is_private(each):
                raise Unreachable(f"{wanted.host} is at {each}, a private address, which is not allowed")
    return str(addresses[0])


def is_private(address: Address) -> bool:
    """Whether an address, or the IPv4 address inside it, is anything but a public one."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_private(inner)
        if address.teredo is not None:
            return True
    return not address.is_global or address.is_multicast


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
