"""Reverse zones for networks that end inside an octet, as RFC 2317 describes them.

Such a zone carries its block in its first label: `0/26.2.0.192.in-addr.arpa`, `0-26.2.0.192.in-addr.arpa`
(the dash where a slash is not allowed) or the range `0-63.2.0.192.in-addr.arpa`. The owner of the parent
zone points each address into it by a CNAME, so the PTR of 192.0.2.10 is at `10.0/26.2.0.192.in-
addr.arpa`.

`0-31` could be a /31 or the addresses 0 to 31. A range that is exactly one block wins, because a dash form
of a /31 is hardly ever met; who has one writes it with the slash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from engine.dns.names import V4_TREE

_BLOCK = re.compile(r"(\d{1,3})([/-])(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses a classless zone answers for, first to last."""

    first: IPv4Address
    last: IPv4Address

    def __contains__(self, address: object) -> bool:
        return isinstance(address, IPv4Address) and self.first <= address <= self.last


def block_of(zone: str) -> Block | None:
    """The addresses a zone of this normalised name covers, or None when its name carries no block."""
    if not zone.endswith("." + V4_TREE):
        return None
    first_label, *parents = zone.removesuffix("." + V4_TREE).split(".")
    spelled = _BLOCK.fullmatch(first_label)
    if spelled is None or not 1 <= len(parents) <= 3 or not all(_is_octet(label) for label in parents):
        return None
    start, sign, end = int(spelled[1]), spelled[2], int(spelled[3])
    octets = _octets(start, sign, end, depth=len(parents))
    return None if octets is None else _block(parents, *octets)


def _is_octet(label: str) -> bool:
    return label.isascii() and label.isdigit() and str(int(label)) == label and int(label) <= 255


def _octets(start: int, sign: str, end: int, depth: int) -> tuple[int, int] | None:
    """The first and last value of the octet that the block divides."""
    as_prefix = _prefix_octets(start, end, depth)
    if sign == "/":
        return as_prefix
    as_range = (start, end) if start < end <= 255 else None
    if as_range and _is_one_block(start, end):
        return as_range
    return as_prefix or as_range


def _prefix_octets(start: int, length: int, depth: int) -> tuple[int, int] | None:
    bits = 8 * (depth + 1) - length
    if start > 255 or not 1 <= bits <= 7 or start % (1 << bits):
        return None
    return start, start + (1 << bits) - 1


def _is_one_block(start: int, end: int) -> bool:
    size = end - start + 1
    return size & (size - 1) == 0 and start % size == 0


def _block(parents: list[str], low: int, high: int) -> Block:
    head = [int(octet) for octet in reversed(parents)]
    rest = 4 - len(head) - 1
    first = bytes([*head, low, *[0] * rest])
    last = bytes([*head, high, *[255] * rest])
    return Block(IPv4Address(first), IPv4Address(last))


def classless_name(address: IPv4Address | IPv6Address, zone: str) -> str | None:
    """Where the PTR of an address is inside a classless zone, or None when the zone does not cover it."""
    block = block_of(zone)
    if block is None or address not in block:
        return None
    depth = len(zone.removesuffix("." + V4_TREE).split(".")) - 1
    own = str(address).split(".")[depth:]
    return ".".join([*reversed(own), zone])
