"""The address list of a server, one address a line: `bridge|vlan|address|mask|gateway|dns1,dns2`.

The older way to give a server its addresses; it serves when no pool can. An address of the list that lies
in a pool of the same bridge and VLAN is the pool's business and is not handed out from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from engine.errors import Refused
from engine.ipam.spans import parse_address, shortened
from engine.ipam.spec import PoolSpec, faults
from engine.store.fields import Address

MOST_LINES = 100_000
_NETMASKS = {str(IPv4Network((0, prefix)).netmask): prefix for prefix in range(33)}
_SHAPE = "bridge|vlan|address|mask|gateway|dns1,dns2"


@dataclass(frozen=True, slots=True)
class LegacyAddress:
    """One address of the list, with everything a VM needs to use it."""

    line: int
    bridge: str
    vlan: int
    address: Address
    prefix: int
    gateway: str
    dns1: str
    dns2: str


@dataclass(frozen=True, slots=True)
class LegacyFault:
    """A line that is no entry, and why."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.sentence}"


def parse(text: str) -> tuple[list[LegacyAddress], list[LegacyFault]]:
    """The entries of a list in its order, and every line that is none. Empty lines and `#` lines pass."""
    entries: list[LegacyAddress] = []
    wrong: list[LegacyFault] = []
    seen: dict[tuple[str, int, Address], int] = {}
    for line, content in _lines(text):
        try:
            entry = _entry(line, content)
            first = seen.setdefault((entry.bridge, entry.vlan, entry.address), line)
            if first != line:
                raise Refused(f"{entry.address} is on line {first} already.")
            entries.append(entry)
        except Refused as fault:
            wrong.append(LegacyFault(line, fault.sentence))
    if len(text.splitlines()) > MOST_LINES:
        wrong.append(
            LegacyFault(MOST_LINES + 1, f"the rest is ignored: the list has more than {MOST_LINES:,} lines.")
        )
    return entries, wrong


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for line, content in enumerate(text.splitlines()[:MOST_LINES], start=1):
        plain = content.strip()
        if plain and not plain.startswith("#"):
            yield line, plain


def _entry(line: int, content: str) -> LegacyAddress:
    fields = [field.strip() for field in content.split("|")]
    if len(fields) not in (5, 6):
        raise Refused(f"'{shortened(content)}' has {len(fields)} fields; write {_SHAPE}.")
    bridge, vlan, address, mask, gateway = fields[:5]
    dns1, dns2 = _dns(fields[5] if len(fields) == 6 else "")
    found = parse_address(address)
    entry = LegacyAddress(line, bridge, _vlan(vlan), found, prefix_of(mask), gateway, dns1, dns2)
    _check(entry)
    return entry


def _check(entry: LegacyAddress) -> None:
    """The same rules as for a pool of one address."""
    gateway = parse_address(entry.gateway)
    kind = f"IPv{entry.address.version}"
    as_pool = PoolSpec(
        "", kind, entry.bridge, entry.vlan, gateway, entry.prefix, entry.address, entry.address
    )
    wrong = faults(as_pool)
    if wrong:
        raise Refused(" ".join(wrong))
    if gateway == entry.address:
        raise Refused(f"{entry.address} is its own gateway.")


def _vlan(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Refused(f"vlan: '{shortened(text)}' is not 0 (no VLAN) to 4094.")
    return int(text)


def prefix_of(text: str) -> int:
    """A mask as a prefix length; `24`, `/24` and `255.255.255.0` mean the same."""
    plain = text.strip().removeprefix("/")
    if plain.isascii() and plain.isdigit() and len(plain) <= 3:
        return int(plain)
    if plain in _NETMASKS:
        return _NETMASKS[plain]
    raise Refused(f"mask: '{shortened(text)}' is neither a number such as 24 nor a netmask.")


def _dns(text: str) -> tuple[str, str]:
    names = [part for part in (each.strip() for each in text.split(",")) if part]
    if len(names) > 2:
        raise Refused(f"'{shortened(text)}' names {len(names)} DNS servers; two at most.")
    for each in names:
        parse_address(each)
    padded = [*names, "", ""]
    return padded[0], padded[1]
