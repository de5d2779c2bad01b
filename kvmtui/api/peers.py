"""Where a request came from: the peer of the connection, or what a listed proxy says about it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address


class Networks:
    """A list of addresses and networks."""

    def __init__(self, listed: Iterable[str]) -> None:
        self._networks = [ip_network(each, strict=False) for each in listed]

    def __contains__(self, address: object) -> bool:
        try:
            known = plain(ip_address(str(address)))
        except ValueError:
            return False
        return any(known.version == each.version and known in each for each in self._networks)


def plain(address: Address) -> Address:
    """An IPv4 address that came in an IPv6 socket, as IPv4."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def client_of(scope: Any, proxies: Networks) -> str:
    """The address a request came from; see `forwarded`."""
    peer = scope["client"][0] if scope.get("client") else ""
    written = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return forwarded(peer, written, proxies)


def forwarded(peer: str, written: Iterable[str], proxies: Networks) -> str:
    """The address behind a connection, by the X-Forwarded-For headers that came over it.

    `X-Forwarded-For` is read from its end and only as far as listed proxies wrote it; what stands before that, anybody
    could have written.
    """
    peer = _address(peer)
    if peer not in proxies:
        return peer
    hops = [hop.strip() for value in written for hop in value.split(",")]
    for hop in reversed(hops):
        address = _address(hop)
        if not address:
            break
        peer = address
        if address not in proxies:
            break
    return peer


def is_loopback(address: str) -> bool:
    """Whether an address belongs to this host."""
    try:
        return plain(ip_address(address)).is_loopback
    except ValueError:
        return False


def _address(text: str) -> str:
    try:
        return str(plain(ip_address(text.partition("%")[0])))
    except ValueError:
        return ""
