"""Records as values. Two records that mean the same are equal, however a provider spells them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from engine.dns.names import Address, hostname, normalise, owner_name
from engine.errors import Refused

DEFAULT_TTL = 300
_NAME_CONTENT = frozenset({"PTR", "CNAME", "NS", "DNAME", "ALIAS"})


@dataclass(frozen=True, slots=True)
class Record:
    """One DNS record in canonical form: name and type folded, addresses compressed, target names without
    final dot.
    """

    name: str
    type: str
    content: str
    ttl: int = DEFAULT_TTL

    def __post_init__(self) -> None:
        kind = self.type.strip().upper()
        object.__setattr__(self, "name", self.name.strip().removesuffix(".").lower())
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "content", canonical_content(kind, self.content))

    @property
    def key(self) -> tuple[str, str]:
        """Name and type: which record set it belongs to."""
        return (self.name, self.type)

    @property
    def identity(self) -> tuple[str, str, str]:
        """Name, type and content: everything that makes it this record, its TTL aside."""
        return (self.name, self.type, self.content)

    def __str__(self) -> str:
        return f"{self.name} {self.type} {self.content}"


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """A record at a provider, with the provider's id.

    `disabled` records are stored but not served; `proxied` ones are answered with addresses of Cloudflare.
    """

    record: Record
    id: str = ""
    proxied: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A record that we wrote, as we last wrote it."""

    record: Record
    id: str = ""


def canonical_content(kind: str, content: str) -> str:
    """The content in the one spelling used for comparison; what cannot be read stays unchanged."""
    text = content.strip()
    try:
        if kind == "A":
            return str(ipaddress.IPv4Address(text))
        if kind == "AAAA":
            return ipaddress.IPv6Address(text).compressed
        if kind in _NAME_CONTENT:
            return normalise(text)
    except (ValueError, Refused):
        return text
    return text


def sent_content(record: Record) -> str:
    """The content as servers want it that take target names only with their final dot."""
    return record.content + "." if record.type in _NAME_CONTENT else record.content


def address_record(name: str, address: str | Address, ttl: int = DEFAULT_TTL) -> Record:
    """The A or AAAA record of a host; refused when the name or the address is not one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise Refused(f"'{address}' is not an IP address.") from None
    kind = "A" if parsed.version == 4 else "AAAA"
    return Record(hostname(name), kind, str(parsed), checked_ttl(ttl))


def pointer_record(owner: str, target: str, ttl: int = DEFAULT_TTL) -> Record:
    """The PTR record at a reverse name; refused when the target is not a full host name."""
    return Record(owner_name(owner), "PTR", hostname(target), checked_ttl(ttl))


def checked_ttl(ttl: int) -> int:
    """The TTL itself when every provider takes it: 60 seconds to a day."""
    if not 60 <= ttl <= 86400:
        raise Refused(f"A TTL of {ttl} seconds is outside of 60 to 86400, which every provider takes.")
    return ttl
