"""What DNS itself says: questions put to a name server, as a resolver in the world would put them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.dns.names import Address, normalise, reverse_name
from engine.dns.records import canonical_content
from engine.errors import Failed, Refused

if TYPE_CHECKING:  # dnspython is imported when something is asked: most processes that can ask never do
    import dns.message

TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class NameServer:
    """Where a question goes: an IP address and a port."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


@dataclass(frozen=True, slots=True)
class DnsResponse:
    """What came back: the contents, whether the server speaks for the zone, and the response code."""

    contents: tuple[str, ...]
    authoritative: bool
    code: str

    @property
    def exists(self) -> bool:
        """Whether the name itself exists, with or without a record of the type."""
        return self.code == "NOERROR"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether an address and its name point at each other, and the sentence that says so."""

    ok: bool
    sentence: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def ask(name: str, kind: str, server: NameServer | None = None, timeout: float = TIMEOUT) -> DnsResponse:
    """The records of a name and type, over UDP, and TCP if truncated; by default from the system's resolver.

    CNAMEs in the answer are followed. Raises Failed when no answer comes.
    """
    import dns.flags
    import dns.message

    question = dns.message.make_query(normalise(name) + ".", kind, use_edns=0, payload=1232)
    if server is None:
        return _ask_system(question, timeout)
    # A server that speaks for the zone needs not to be asked to search.
    question.flags &= ~dns.flags.RD
    return _read(_send(question, server, timeout), kind)


def _ask_system(question: dns.message.Message, timeout: float) -> DnsResponse:
    import dns.exception
    import dns.rdatatype
    import dns.resolver

    asked = question.question[0]
    try:
        resolver = dns.resolver.Resolver()
        resolver.lifetime = timeout
        found = resolver.resolve(asked.name, asked.rdtype, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return DnsResponse((), False, "NXDOMAIN")
    except dns.exception.DNSException as fault:
        raise Failed(f"The system's resolver gives no answer for {asked.name}: {fault}") from None
    return _read(found.response, dns.rdatatype.to_text(asked.rdtype))


def _send(question: dns.message.Message, server: NameServer, timeout: float) -> dns.message.Message:
    import dns.exception
    import dns.query

    for attempt in (1, 2):  # a datagram may get lost
        try:
            answer, _ = dns.query.udp_with_fallback(
                question, server.address, timeout=timeout, port=server.port, ignore_unexpected=True
            )
            return answer
        except dns.exception.Timeout:
            if attempt == 2:
                break
        except (OSError, EOFError, dns.exception.DNSException, ValueError) as fault:
            raise Failed(f"The name server {server} gives no usable answer: {fault}") from None
    raise Failed(f"The name server {server} does not answer. Check that it runs and that port 53 is open.")


def _read(answer: dns.message.Message, kind: str) -> DnsResponse:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.rcode

    code = dns.rcode.to_text(answer.rcode())
    contents: list[str] = []
    if isinstance(answer, dns.message.QueryMessage) and code == "NOERROR":
        try:
            found = answer.resolve_chaining().answer
        except dns.exception.DNSException:
            found = None
        contents = [canonical_content(kind, row.to_text()) for row in found or ()]
    return DnsResponse(tuple(sorted(contents)), bool(answer.flags & dns.flags.AA), code)


def forward_confirmed(
    address: str | Address,
    expected: str | None = None,
    *,
    reverse: NameServer | None = None,
    forward: NameServer | None = None,
    timeout: float = TIMEOUT,
) -> Confirmation:
    """Whether the address has a PTR (the expected one, when given) whose name has this address in turn.

    Each direction is asked at its own server; without one, at the system's resolver.
    """
    try:
        plain = ipaddress.ip_address(address)
    except ValueError:
        raise Refused(f"'{address}' is not an IP address.") from None
    names = ask(reverse_name(plain), "PTR", reverse, timeout).contents
    if not names:
        return Confirmation(False, f"{plain} has no PTR record.")
    if expected is not None and normalise(expected) not in names:
        return Confirmation(
            False, f"{plain} points to {', '.join(names)}, not to {normalise(expected)}.", names
        )
    kind = "A" if plain.version == 4 else "AAAA"
    wanted = normalise(expected) if expected is not None else names[0]
    addresses = ask(wanted, kind, forward, timeout).contents
    if str(plain) not in addresses:
        there = ", ".join(addresses) or f"no {kind} record"
        return Confirmation(False, f"{plain} points to {wanted}, but {wanted} has {there}.", names, addresses)
    return Confirmation(True, f"{plain} and {wanted} point at each other.", names, addresses)
