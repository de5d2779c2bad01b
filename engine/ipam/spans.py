"""Runs of addresses as pairs of integers, for both families alike.

An address is counted by its 16-byte sort key (engine.store.fields), so IPv4 and IPv6 share one number
line and nothing here ever lists the addresses of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import islice
from typing import NamedTuple, TypeVar

from engine.errors import Refused
from engine.store.fields import Address, pack, unpack

T = TypeVar("T")
TOP = (1 << 128) - 1
_PER_STATEMENT = 500


class Span(NamedTuple):
    """A run of addresses, both ends included."""

    lo: int
    hi: int

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return self.hi - self.lo + 1

    def __str__(self) -> str:
        lo, hi = address_at(self.lo), address_at(self.hi)
        return str(lo) if lo == hi else f"{lo}-{hi}"


def number(address: Address) -> int:
    """The place of an address on the number line."""
    return int.from_bytes(pack(address))


def key(place: int) -> bytes:
    """The 16-byte sort key of a place, as the database keeps it."""
    return place.to_bytes(16)


def address_at(place: int) -> Address:
    """The address at a place of the number line."""
    return unpack(key(place))


def span(first: Address, last: Address) -> Span:
    """The run from one address to another, both included."""
    return Span(number(first), number(last))


def size(spans: Iterable[Span]) -> int:
    """How many addresses the runs have together."""
    return sum(each.size for each in spans)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same addresses as few runs in order, neighbours joined."""
    result: list[Span] = []
    for each in sorted(spans):
        if result and each.lo <= result[-1].hi + 1:
            result[-1] = Span(result[-1].lo, max(result[-1].hi, each.hi))
        else:
            result.append(each)
    return result


def without(whole: Span, holes: Iterable[Span]) -> Iterator[Span]:
    """What is left of a run after its holes are cut out; the holes come in order."""
    lo = whole.lo
    for hole in holes:
        if hole.hi < lo:
            continue
        if hole.lo > whole.hi:
            break
        if hole.lo > lo:
            yield Span(lo, hole.lo - 1)
        lo = hole.hi + 1
    if lo <= whole.hi:
        yield Span(lo, whole.hi)


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in lists short enough for one statement each."""
    source = iter(items)
    while chunk := list(islice(source, _PER_STATEMENT)):
        yield chunk


def parse_address(text: str) -> Address:
    """The address a text names; refused with a sentence when it names none."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        raise Refused(f"'{shortened(text)}' is not an IP address.") from None
    if address.version == 6 and address.scope_id is not None:
        raise Refused(f"'{shortened(text)}' names an interface after the % sign; give the address alone.")
    if address.version == 6 and address.ipv4_mapped is not None:
        raise Refused(f"'{shortened(text)}' is an IPv4 address in IPv6 form; write {address.ipv4_mapped}.")
    return address


def parse_span(text: str) -> Span:
    """One address, or two with a dash between: `10.0.0.5` or `10.0.0.9-10.0.0.12`."""
    first, dash, last = text.partition("-")
    lo = parse_address(first)
    hi = parse_address(last) if dash else lo
    if lo.version != hi.version:
        raise Refused(f"'{shortened(text)}' mixes IPv4 and IPv6.")
    if number(hi) < number(lo):
        raise Refused(f"'{shortened(text)}' ends before it starts; write the lower address first.")
    return span(lo, hi)


def shortened(text: str) -> str:
    """A text from outside, on one line and cut to what fits a sentence."""
    plain = "".join(letter if letter.isprintable() else "�" for letter in " ".join(text[:200].split()))
    return plain if len(plain) <= 80 else plain[:77] + "…"
