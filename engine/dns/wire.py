"""One connection to a name server, signed with a key (TSIG): questions, transfers, updates, and every failure as a
sentence.

All of one connection share one deadline, counted from its opening. An answer counts only when its signature is right.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.provider import Timing

if TYPE_CHECKING:  # imported where a connection is used: forms must not load it
    import dns.message
    import dns.name
    import dns.rrset
    import dns.update

CHANGED = frozenset(
    {"NXRRSET", "YXRRSET", "YXDOMAIN", "NXDOMAIN"}
)  # a prerequisite of an update does not hold


@dataclass(frozen=True, slots=True)
class NameServerAccess:
    """Where a name server is, and the key to speak with it."""

    host: str
    port: int
    key_name: str
    key_algorithm: str
    key_secret: str
    tcp: bool = True
    timeout_s: float = 5.0

    @property
    def where(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SignedConnection:
    """Asks one name server about one zone, and changes it."""

    def __init__(self, access: NameServerAccess, zone: str, timing: Timing) -> None:
        import dns.name
        import dns.tsig

        self.where = access.where
        self.origin = dns.name.from_text(zone + ".")
        self._zone = zone
        self._access = access
        self._port, self._tcp = access.port, access.tcp
        self._timeout = min(access.timeout_s, timing.read)
        self._until = time.monotonic() + timing.total
        algorithm = f"{access.key_algorithm}."
        self._key = dns.tsig.Key(f"{access.key_name}.", access.key_secret, algorithm)
        self._address = ""
        self._socket: socket.socket | None = None

    def close(self) -> None:
        """Closes the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # --- questions ---

    def ask(self, name: dns.name.Name, kind: str) -> dns.message.Message:
        """The answer to one signed question; a name that does not exist is an answer, a refusal is not."""
        import dns.flags
        import dns.message

        question = dns.message.make_query(name, kind, use_edns=0, payload=1232)
        question.flags &= ~dns.flags.RD
        question.use_tsig(self._key)
        try:
            answer = self._exchange(question, sent=False)
        except ProviderError as error:
            if not error.unsure:
                raise
            self.close()  # the server may have closed an idle connection
            answer = self._exchange(question, sent=False)
        self._refuse_code(answer, "The question", allowed=("NOERROR", "NXDOMAIN"))
        return answer

    def must_have_zone(self) -> None:
        """Refuses a server that does not speak for the zone: it would answer from elsewhere, or not take updates."""
        import dns.flags

        answer = self.ask(self.origin, "SOA")
        own = any(rrset.name == self.origin for rrset in answer.answer)
        if own and answer.flags & dns.flags.AA:
            return
        raise ProviderError(
            DnsErrorKind.MISSING_ZONE,
            f"The name server {self.where} is not authoritative for {self._zone}. "
            "Create the zone there, or correct the zone name or the host.",
        )

    def transferred(self) -> list[dns.rrset.RRset] | None:
        """The zone as a whole, or None where the server gives it to nobody or not to this key."""
        import dns.exception
        import dns.query
        import dns.rrset
        import dns.versioned
        import dns.xfr

        zone = dns.versioned.Zone(self.origin, relativize=False)
        query, _ = dns.xfr.make_query(zone, keyring=self._key)
        try:
            left = self._left()
            dns.query.inbound_xfr(
                self._resolved(), zone, query, port=self._port, timeout=self._timeout, lifetime=left
            )
        except dns.xfr.TransferError:
            return None
        except (OSError, EOFError, dns.exception.DNSException) as fault:
            raise self._fault(fault, sent=False) from None
        return [
            dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
            for name, rdataset in zone.iterate_rdatasets()
        ]

    # --- updates ---

    def new_update(self) -> dns.update.UpdateMessage:
        """An update of the zone that changes nothing yet."""
        import dns.update

        return dns.update.UpdateMessage(self.origin, keyring=self._key)

    def send(self, update: dns.update.UpdateMessage) -> None:
        """Has an update carried out as a whole, or raises with the server's code as `said`."""
        self.close()  # a connection that the server is about to close would leave the outcome unknown
        self._refuse_code(self._exchange(update, sent=True), "The update")

    # --- the wire ---

    def _exchange(self, message: dns.message.Message, sent: bool) -> dns.message.Message:
        """Sends a message and returns its answer, whose signature was verified; `sent`: it changes something."""
        import dns.exception
        import dns.query
        import dns.rcode

        timeout = min(self._timeout, self._left())
        try:
            if self._tcp:
                answer = dns.query.tcp(message, "", timeout, port=self._port, sock=self._connected(timeout))
            elif sent:
                answer = dns.query.udp(message, self._resolved(), timeout, port=self._port)
            else:
                answer, _ = dns.query.udp_with_fallback(
                    message, self._resolved(), timeout, port=self._port, ignore_unexpected=True
                )
        except (OSError, EOFError, dns.exception.DNSException, ValueError) as fault:
            self.close()
            raise self._fault(fault, sent) from None
        if not answer.had_tsig and answer.rcode() == dns.rcode.NOERROR:
            raise self._unsigned()
        return answer

    def _unsigned(self) -> ProviderError:
        said = f"The name server {self.where} answers without a signature. Check that it knows the key."
        return ProviderError(DnsErrorKind.AUTH, said)

    def _connected(self, timeout: float) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection((self._resolved(), self._port), timeout)
            self._socket.setblocking(False)
        return self._socket

    def _resolved(self) -> str:
        """The server's address; a name is looked up once."""
        if not self._address:
            try:
                found = socket.getaddrinfo(self._access.host, self._port, type=socket.SOCK_STREAM)
            except OSError as fault:
                raise ProviderError(
                    DnsErrorKind.TRANSIENT,
                    f"The name {self._access.host} cannot be resolved: {fault.strerror or fault}. Check the host.",
                    down=True,
                ) from None
            self._address = str(found[0][4][0])
        return self._address

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise ProviderError(
                DnsErrorKind.TRANSIENT, f"The name server {self.where}: the time for this batch is up."
            )
        return left

    # --- answers ---

    def _refuse_code(
        self, answer: dns.message.Message, what: str, allowed: Collection[str] = ("NOERROR",)
    ) -> None:
        import dns.rcode

        code = dns.rcode.to_text(answer.rcode())
        if code in allowed:
            return
        kind, advice = _CODES.get(code, (DnsErrorKind.PERMANENT, ""))
        if what == "The question" and code in ("REFUSED", "NOTAUTH"):
            kind = DnsErrorKind.MISSING_ZONE
            advice = f"It has no zone {self._zone}, or does not answer this host about it."
        said = f"{what} to {self.where} was refused: {code}. {advice}"
        raise ProviderError(kind, said.strip(), said=code, status=int(answer.rcode()))

    def _fault(self, fault: Exception, sent: bool) -> ProviderError:
        import dns.exception
        import dns.message
        import dns.tsig

        where = f"The name server {self.where}"
        if isinstance(fault, dns.tsig.PeerBadTime | dns.tsig.BadTime):
            return ProviderError(
                DnsErrorKind.AUTH,
                f"{where} refuses the key: BADTIME. The clocks of both hosts differ; correct them (NTP).",
                said="BADTIME",
            )
        for error, code in _KEY_ERRORS:
            if isinstance(fault, getattr(dns.tsig, error)):
                advice = "Check the key's name, algorithm and secret."
                return ProviderError(
                    DnsErrorKind.AUTH, f"{where} refuses the key: {code}. {advice}", said=code
                )
        if isinstance(fault, dns.message.UnknownTSIGKey | dns.tsig.BadSignature | dns.tsig.BadKey):
            said = f"{where} answers with a wrong signature. Check the key on both sides."
            return ProviderError(DnsErrorKind.AUTH, said)
        if isinstance(fault, dns.exception.FormError) and "TSIG" in str(fault):
            return self._unsigned()
        if isinstance(fault, dns.exception.Timeout | TimeoutError):
            said = f"{where} timed out: it did not answer in time."
            return ProviderError(
                DnsErrorKind.TRANSIENT, said, said="no answer in time", unsure=sent, silent=True
            )
        if isinstance(fault, ConnectionRefusedError):
            said = f"{where} cannot be reached: connection refused. Check host, port and firewall."
            return ProviderError(DnsErrorKind.TRANSIENT, said, said=str(fault), down=True)
        if isinstance(fault, OSError | EOFError):
            said = f"The connection to {self.where} broke: {fault or type(fault).__name__}."
            return ProviderError(DnsErrorKind.TRANSIENT, said, said=str(fault), unsure=True, down=True)
        return ProviderError(
            DnsErrorKind.PERMANENT, f"{where} gives no usable answer: {fault}.", said=str(fault)
        )


_KEY_ERRORS = (
    ("PeerBadKey", "BADKEY"),
    ("PeerBadSignature", "BADSIG"),
    ("PeerBadTruncation", "BADTRUNC"),
    ("PeerError", "a TSIG error"),
)
_CODES = {
    "REFUSED": (
        DnsErrorKind.PERMISSION,
        "Allow the key to update these records: allow-update or update-policy.",
    ),
    "NOTAUTH": (
        DnsErrorKind.MISSING_ZONE,
        "The server is not the primary of this zone, or does not know the key.",
    ),
    "NOTZONE": (DnsErrorKind.PERMANENT, "A name is outside of the zone."),
    "SERVFAIL": (DnsErrorKind.TRANSIENT, "The server has a problem of its own; see its log."),
    "NOTIMP": (DnsErrorKind.PERMANENT, "The server does not take dynamic updates."),
    "FORMERR": (DnsErrorKind.PERMANENT, "The server does not understand the message."),
    **dict.fromkeys(
        CHANGED, (DnsErrorKind.CONFLICT, "Somebody else changed these records at the same time.")
    ),
}
