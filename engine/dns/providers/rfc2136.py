"""A zone on any name server that takes dynamic updates (RFC 2136) signed with a key (TSIG): BIND, Knot, PowerDNS, NSD's
primaries.

There is no API to list records, so few names are read by questions and many by a zone transfer, or by questions again
where the server refuses transfers. An update carries as its prerequisite every record set it changes, as read
right before: a set that somebody changed since makes the server refuse the whole update, and nothing is overwritten.
Several record sets go in one update, which the server carries out as a whole; when it is refused, halving it finds the
bad one.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from engine.dns.batching import chunks, send_bisected
from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.names import owner_name, within
from engine.dns.plan import ChangeKind, RecordChange
from engine.dns.provider import (
    ChangeResult,
    Timing,
    ZoneCheck,
    ZoneReport,
    done,
    failed,
    refused,
    standing,
    with_aliases,
)
from engine.dns.records import LiveRecord, Record, sent_content
from engine.dns.wire import CHANGED, NameServerAccess, SignedConnection
from engine.errors import Refused
from engine.forms.form import KEEP
from engine.forms.kinds import Host, Port
from engine.forms.zone import RequiredSecret, ZoneForm

if TYPE_CHECKING:
    import dns.rrset
    import dns.update

MOST_QUESTIONS = 50  # up to this many names are queried one by one; beyond, a zone transfer is cheaper
MOST_SETS = 200
LARGEST_UPDATE, LARGEST_DATAGRAM = 40_000, 1_000
Key = tuple[str, str]


def _key_name(text: str) -> str:
    try:
        return owner_name(text)
    except Refused as wrong:
        raise ValueError(wrong.sentence) from None


def _base64(text: str) -> str:
    if text == KEEP or text.startswith(("env:", "file:")):
        return text
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("is not base64; copy the secret of the key as the server has it.") from None
    return text


class Rfc2136Form(ZoneForm):
    """A zone on a name server that takes dynamic updates (RFC 2136) signed with a TSIG key."""

    LABEL: ClassVar[str] = "RFC 2136"
    PERMISSION: ClassVar[str] = (
        "`allow-update` or `update-policy` for the key; `allow-transfer` makes reading many records faster"
    )

    type: Literal["rfc2136"] = Field(title="Type", description="rfc2136.")
    host: Host = Field(title="Host", description="Primary name server of the zone, address or name.")
    port: Port = Field(53, title="Port", description="Port of that server.")
    key_name: Annotated[str, AfterValidator(_key_name)] = Field(
        title="Key name", description="Name of the TSIG key."
    )
    key_algorithm: Literal["hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1"] = Field(
        "hmac-sha256", title="Key algorithm", description="Algorithm of the TSIG key."
    )
    key_secret: Annotated[RequiredSecret, AfterValidator(_base64)] = Field(
        title="Key secret", description="Secret of the TSIG key, in base64."
    )
    tcp: bool = Field(True, title="TCP", description="Send by TCP; without it small updates go by UDP.")
    timeout: Annotated[int, Field(ge=1, le=30)] = Field(
        5, title="Timeout", description="Seconds to wait for one answer."
    )

    @property
    def access(self) -> NameServerAccess:
        """Where the server is, and the key."""
        key = self.key_name, self.key_algorithm, self.key_secret
        return NameServerAccess(self.host, self.port, *key, tcp=self.tcp, timeout_s=self.timeout)

    @property
    def endpoint(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def server(self) -> str:
        """Host and port."""
        return self.endpoint.lower()

    def client(self, timing: Timing) -> Rfc2136:
        """The zone on that server."""
        return Rfc2136(self, timing)


@dataclass(slots=True)
class _RrSetUpdate:
    """A record set to change: what is there, what is deleted from it and added to it, and for which changes."""

    key: Key
    live: list[Record]
    deleted: list[Record] = field(default_factory=list)
    added: list[Record] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes in an update, at most."""
        records = [*self.live, *self.deleted, *self.added]
        return sum(len(each.name) + len(each.content) + 24 for each in records) + 2 * len(self.key[0]) + 24


class Rfc2136:
    """Reads and writes one zone by questions, transfers and dynamic updates."""

    def __init__(self, form: Rfc2136Form, timing: Timing) -> None:
        self.zone = form.zone
        self._tcp = form.tcp
        self._server = SignedConnection(form.access, form.zone, timing)

    def close(self) -> None:
        """Closes the connection."""
        self._server.close()

    # --- looking ---

    def test(self) -> ZoneReport:
        """Looks whether the server answers, takes the key, has the zone and lets the key change it; writes nothing."""
        checks: list[ZoneCheck] = []
        try:
            self._server.ask(self._server.origin, "SOA")
            checks.append(ZoneCheck("reach", True, f"the name server {self._server.where} answers"))
            checks.append(ZoneCheck("key", True, "the key is accepted"))
            self._server.must_have_zone()
            checks.append(ZoneCheck("zone", True, f"{self.zone} is there"))
            self._server.send(self._server.new_update())
        except ProviderError as error:
            at = {
                DnsErrorKind.AUTH: "key",
                DnsErrorKind.PERMISSION: "permission",
                DnsErrorKind.MISSING_ZONE: "zone",
            }
            name = at.get(error.kind, "reach" if not checks else "permission")
            return ZoneReport(self.zone, (*checks, ZoneCheck(name, False, error.sentence)))
        return ZoneReport(self.zone, (*checks, ZoneCheck("permission", True, f"{self.zone} can be written")))

    def read(self, names: Collection[Key]) -> list[LiveRecord]:
        """The live records of these names and types, and any CNAME at the names."""
        if not names:
            return []
        self._server.must_have_zone()
        wanted = with_aliases(names)
        rrsets = self._server.transferred() if len(names) > MOST_QUESTIONS else None
        if rrsets is None:
            rrsets = [found for name, kind in sorted(names) for found in self._asked(name, kind)]
        records = {record for rrset in rrsets for record in _records(rrset)}
        return [LiveRecord(record) for record in sorted(records, key=str) if record.key in wanted]

    def _asked(self, name: str, kind: str) -> list[dns.rrset.RRset]:
        """The record sets of one name: of that type, or the CNAME there."""
        import dns.name

        owner = dns.name.from_text(name + ".")
        answer = self._server.ask(owner, kind)
        return [rrset for rrset in answer.answer if rrset.name == owner]

    # --- writing ---

    def apply(self, changes: Sequence[RecordChange]) -> list[ChangeResult]:
        """Writes all changes in as few updates as possible; a bad one is reported and the others are still written."""
        results: dict[int, ChangeResult] = {}
        for at, change in enumerate(changes):
            if not within(change.record.name, self.zone):
                said = f"{change.record.name} is outside of the zone {self.zone}."
                results[at] = refused(change, DnsErrorKind.PERMANENT, said)
        try:
            self._round(changes, results, last=False)
            if len(results) < len(changes):
                self._round(changes, results, last=True)
        except ProviderError as error:
            for at, change in enumerate(changes):
                results.setdefault(at, failed(change, error))
        return [results[at] for at in range(len(changes))]

    def _round(self, changes: Sequence[RecordChange], results: dict[int, ChangeResult], last: bool) -> None:
        """Looks at what is there and sends what is left to do. A set that changed in between is left for a second
        round, and in the last one it is a conflict.
        """

        def send(group: Sequence[_RrSetUpdate]) -> None:
            self._server.send(self._update(group))
            for item in group:
                results.update((at, done(changes[at])) for at in item.at)

        def fail(bad: _RrSetUpdate, error: ProviderError) -> None:
            if error.said in CHANGED and not last:
                return
            for at in bad.at:
                results.setdefault(at, failed(changes[at], error))

        sets = list(self._sets(changes, results))
        largest = LARGEST_UPDATE if self._tcp else LARGEST_DATAGRAM
        for group in chunks(sets, MOST_SETS, largest, lambda item: item.size):
            send_bisected(group, send, fail)

    def _sets(
        self, changes: Sequence[RecordChange], results: dict[int, ChangeResult]
    ) -> Iterator[_RrSetUpdate]:
        """The record sets that are left to change, against what is there now."""
        todo: dict[Key, list[int]] = defaultdict(list)
        for at, change in enumerate(changes):
            if at not in results:
                todo[change.record.key].append(at)
        live: dict[Key, list[LiveRecord]] = defaultdict(list)
        for found in self.read(list(todo)):
            live[found.record.key].append(found)
        for key, positions in todo.items():
            item = _RrSetUpdate(key, [found.record for found in live[key]])
            for at in positions:
                if (result := _add(item, changes[at], live[key], at)) is not None:
                    results[at] = result
            if item.at:
                yield item

    def _update(self, sets: Sequence[_RrSetUpdate]) -> dns.update.UpdateMessage:
        """The update that changes these sets if they are still as read."""
        update = self._server.new_update()
        for item in sets:
            name, kind = item.key[0] + ".", item.key[1]
            if item.live:
                update.present(name, kind, *(sent_content(record) for record in item.live))
            else:
                update.absent(name, kind)
            if item.added and kind != "CNAME":
                update.absent(name, "CNAME")  # a server would ignore the new record without a word
            for record in item.deleted:
                update.delete(name, kind, sent_content(record))
            for record in item.added:
                update.add(name, record.ttl, kind, sent_content(record))
        return update


def _records(rrset: dns.rrset.RRset) -> Iterator[Record]:
    import dns.rdatatype

    name = rrset.name.to_text().removesuffix(".").lower()
    kind = dns.rdatatype.to_text(rrset.rdtype)
    for rdata in rrset:
        yield Record(name, kind, rdata.to_text(), rrset.ttl)


def _add(item: _RrSetUpdate, change: RecordChange, live: list[LiveRecord], at: int) -> ChangeResult | None:
    """Put a change into its set; its result when there is nothing to send."""
    old = standing(change.old, live)
    there = any(found.record.identity == change.record.identity for found in live)
    if change.kind is ChangeKind.DELETE:
        if old is None:
            return done(change, sentence="it was gone already")
        item.deleted.append(old.record)
    elif old is None and there:
        return done(change, sentence="it was there already")
    elif change.kind is ChangeKind.REPLACE and old is None:
        said = f"{change.record.name} {change.record.type} was changed by somebody else in between."
        return refused(change, DnsErrorKind.CONFLICT, said)
    else:
        if old is not None:
            item.deleted.append(old.record)
        item.added.append(change.record)
    item.at.append(at)
    return None
