"""A zone on PowerDNS Authoritative, by its HTTP API.

The API replaces record sets as a whole, so each set is read right before it is written and the records of
others in it go back unchanged. Changes go out in few large PATCHes: one transaction each, a hundred times
faster than one by one. An unchanged set is never written, because even an empty change raises the zone's
serial and notifies the secondaries. Writers in parallel make PowerDNS store records twice or lock up, hence
one writer per server.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from engine.dns.batching import chunks, send_bisected
from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.http import HttpConnection, Reply
from engine.dns.names import within
from engine.dns.plan import ChangeKind, RecordChange
from engine.dns.provider import (
    ChangeResult,
    Timing,
    ZoneCheck,
    ZoneReport,
    done,
    failed,
    refused,
    with_aliases,
)
from engine.dns.records import LiveRecord, Record, sent_content
from engine.dns.tls import DnsTls
from engine.dns.urls import server_of, without_path
from engine.forms.kinds import Url
from engine.forms.zone import HeaderSecret, HttpZoneForm

API = "/api/v1/servers/localhost"
MOST_SETS = 500
LARGEST_BODY = 1_500_000  # the server refuses bodies of 2 MB with no more than “Bad Request”
NOT_WRITABLE = frozenset({"slave", "secondary", "consumer"})

Key = tuple[str, str]


def _root(url: str) -> str:
    return without_path(url, "/api/v1", "/api")


class PowerDnsForm(HttpZoneForm):
    """A zone on a PowerDNS Authoritative server."""

    LABEL: ClassVar[str] = "PowerDNS"
    PERMISSION: ClassVar[str] = (
        "the key can do everything on that server: use https and `webserver-allow-from`"
    )
    BATCH: ClassVar[int] = 1000

    type: Literal["powerdns"] = Field(title="Type", description="powerdns.")
    server_url: Annotated[Url, AfterValidator(_root)] = Field(
        title="Server URL", description="Address of the API, such as https://ns1:8081."
    )
    api_key: HeaderSecret = Field(title="API key", description="The X-API-Key of the server.")

    @property
    def endpoint(self) -> str:
        """The address of the API."""
        return self.server_url

    @property
    def server(self) -> str:
        """Host, port and path of the API."""
        return server_of(_root(self.server_url))

    def client(self, timing: Timing) -> PowerDns:
        """The zone on that server."""
        return PowerDns(self, timing)


@dataclass(frozen=True, slots=True)
class _RrSet:
    """A record set as it should be: (content as sent, disabled) of each record; none means it goes."""

    key: Key
    ttl: int
    records: tuple[tuple[str, bool], ...]

    def body(self) -> dict[str, Any]:
        name, kind = self.key
        if not self.records:
            return {"name": name + ".", "type": kind, "changetype": "DELETE"}
        records = [{"content": content, "disabled": disabled} for content, disabled in self.records]
        whole = {"changetype": "REPLACE", "ttl": self.ttl, "records": records}
        return {"name": name + ".", "type": kind, **whole}


class PowerDns:
    """Reads and writes one zone of a PowerDNS server."""

    def __init__(self, form: PowerDnsForm, timing: Timing, tls: DnsTls | None = None) -> None:
        self.zone = form.zone
        self._api = HttpConnection(
            "PowerDNS", form.server_url, tls or form.trust(), timing, {"X-API-Key": form.api_key}
        )
        self._path = ""

    def close(self) -> None:
        """Closes the connection."""
        self._api.close()

    # --- looking ---

    def test(self) -> ZoneReport:
        """Looks whether the server answers, the key is taken, and the zone is there and writable."""
        checks: list[ZoneCheck] = []
        try:
            server = self._json(self._api.ask("GET", API, attempts=2))
            version = server.get("version", "?") if isinstance(server, dict) else "?"
            checks.append(ZoneCheck("reach", True, f"PowerDNS {version} at {self._api.host}"))
            checks.append(ZoneCheck("key", True, "the API key is accepted"))
            zone = self._find_zone()
        except ProviderError as error:
            name = "key" if error.kind is DnsErrorKind.AUTH else "zone" if checks else "reach"
            return ZoneReport(self.zone, (*checks, ZoneCheck(name, False, error.sentence)))
        kind, serial = str(zone.get("kind", "Native")), zone.get("serial", "?")
        checks.append(ZoneCheck("zone", True, f"{self.zone} is there ({kind}, serial {serial})"))
        if kind.lower() in NOT_WRITABLE:
            said = f"{self.zone} is a {kind} zone here; its records come from another server"
            advice = "Give the server_url of the primary."
            return ZoneReport(self.zone, (*checks, ZoneCheck("permission", False, said)), advice)
        return ZoneReport(self.zone, (*checks, ZoneCheck("permission", True, f"{self.zone} can be written")))

    def read(self, names: Collection[Key]) -> list[LiveRecord]:
        """The live records of these names and types, and any CNAME at the names."""
        if not names:
            return []
        wanted = with_aliases(names)
        return [
            LiveRecord(Record(*key, content, ttl), disabled=disabled)
            for key, records, ttl in self._sets()
            if key in wanted
            for content, disabled in records
        ]

    def _sets(self) -> list[tuple[Key, list[tuple[str, bool]], int]]:
        """Every record set of the zone, as the server spells its contents.

        The API can filter by name, but then leaves out records that are switched off, and writing a set
        without them would delete them. The whole zone is one call, 20 000 names in a tenth of a second.
        """
        reply = self._api.ask("GET", self._zone_path())
        if _is_gone(reply):
            raise self._missing()
        found = self._json(reply)
        if not isinstance(found, dict):
            raise self._strange("a zone that is no object")
        return list(_parse(found))

    def _zone_path(self) -> str:
        """The path of the zone by the id that the server itself uses: a slash in the name is `=2F` there."""
        if not self._path:
            self._find_zone()
        return self._path

    def _find_zone(self) -> dict[str, Any]:
        found = self._json(self._api.ask("GET", f"{API}/zones", params={"zone": self.zone + "."}))
        if not isinstance(found, list):
            raise self._strange("a list of zones that is none")
        if not found:
            raise self._missing()
        zone = found[0]
        self._path = f"{API}/zones/{str(zone['id']).replace('/', '=2F')}"
        return dict(zone)

    # --- writing ---

    def apply(self, changes: Sequence[RecordChange]) -> list[ChangeResult]:
        """Writes all changes in as few PATCHes as possible; a bad record is named and the others still
        written.
        """
        results: dict[int, ChangeResult] = {}
        todo: dict[Key, list[int]] = defaultdict(list)
        for at, change in enumerate(changes):
            if within(change.record.name, self.zone):
                todo[change.record.key].append(at)
            else:
                said = f"{change.record.name} is outside of the zone {self.zone}."
                results[at] = refused(change, DnsErrorKind.PERMANENT, said)
        try:
            if todo:
                self._write(changes, todo, results)
        except ProviderError as error:
            for at, change in enumerate(changes):
                results.setdefault(at, failed(change, error))
        return [results[at] for at in range(len(changes))]

    def _write(
        self, changes: Sequence[RecordChange], todo: dict[Key, list[int]], results: dict[int, ChangeResult]
    ) -> None:
        live = {key: (records, ttl) for key, records, ttl in self._sets()}

        def settle(key: Key) -> None:
            for at in todo[key]:
                results.setdefault(at, done(changes[at]))

        def send(sets: Sequence[_RrSet]) -> None:
            self._patch(sets)
            for item in sets:
                settle(item.key)

        def fail(bad: _RrSet, error: ProviderError) -> None:
            for at in todo[bad.key]:
                results.setdefault(at, failed(changes[at], error))

        sets: list[_RrSet] = []
        for key, positions in todo.items():
            records, ttl = live.get(key, ([], 0))
            after = _merge(key, records, ttl, changes, positions, results)
            if after is None:
                settle(key)
            else:
                sets.append(after)
        for group in chunks(sets, MOST_SETS, LARGEST_BODY, lambda item: len(json.dumps(item.body())) + 2):
            send_bisected(group, send, fail)

    def _patch(self, sets: Sequence[_RrSet]) -> None:
        # The same PATCH twice leaves the same records, so it may be sent again when its answer got lost.
        reply = self._api.ask("PATCH", self._zone_path(), json={"rrsets": [item.body() for item in sets]})
        if _is_gone(reply):
            raise self._missing()
        if reply.status != 204:
            raise self._refusal(reply)

    # --- answers ---

    def _json(self, reply: Reply) -> Any:
        if reply.status != 200:
            raise self._refusal(reply)
        answer = reply.json()
        if answer is None:
            raise self._strange("something that is not JSON")
        return answer

    def _strange(self, what: str) -> ProviderError:
        return ProviderError(
            DnsErrorKind.PERMANENT,
            f"{self._api.host} answers with {what}. Is this the API of a PowerDNS Authoritative server?",
        )

    def _missing(self) -> ProviderError:
        self._path = ""
        return ProviderError(
            DnsErrorKind.MISSING_ZONE,
            f"PowerDNS at {self._api.host} has no zone {self.zone}. "
            "Create it there, or correct the zone name; zones are never created from here.",
            said="Not Found",
            status=404,
        )

    def _refusal(self, reply: Reply) -> ProviderError:
        said = _words(reply)
        if reply.status == 401:
            sentence = f"PowerDNS at {self._api.host} rejects the API key: {said}. Correct the zone's key."
            return ProviderError(DnsErrorKind.AUTH, sentence, said=said, status=401)
        if reply.status == 403:
            sentence = (
                f"PowerDNS at {self._api.host} refuses this host: {said}. See webserver-allow-from there."
            )
            return ProviderError(DnsErrorKind.PERMISSION, sentence, said=said, status=403)
        if reply.status in (404, 405):
            return self._strange(f"{reply.status} {said}")
        sentence = f"PowerDNS at {self._api.host}: {reply.status} {said}"
        if reply.status == 429 or reply.status >= 500:
            return ProviderError(
                DnsErrorKind.TRANSIENT,
                sentence,
                said=said,
                status=reply.status,
                retry_after=reply.retry_after,
            )
        kind = DnsErrorKind.CONFLICT if "Conflicts with" in said else DnsErrorKind.PERMANENT
        return ProviderError(kind, sentence, said=said, status=reply.status)


def _is_gone(reply: Reply) -> bool:
    """Whether the zone that was there is not any more; servers up to 4.1 say it with 422."""
    return reply.status == 404 or (reply.status == 422 and "Could not find domain" in reply.text)


def _words(reply: Reply) -> str:
    """What the server said, from its JSON or its plain text."""
    answer = reply.json()
    if isinstance(answer, dict):
        more = answer.get("errors")
        texts = [str(answer.get("error", ""))] + [str(item) for item in more or [] if isinstance(more, list)]
        return "; ".join(text for text in texts if text) or "no reason given"
    return " ".join(reply.text.split())[:200] or "no reason given"


def _parse(zone: dict[str, Any]) -> Iterable[tuple[Key, list[tuple[str, bool]], int]]:
    for item in zone.get("rrsets") or []:
        records = [(str(r["content"]), bool(r.get("disabled"))) for r in item.get("records") or []]
        # A set can have comments and no record.
        if records:
            name = str(item["name"]).removesuffix(".").lower()
            yield (name, str(item["type"]).upper()), records, int(item.get("ttl", 0))


def _merge(
    key: Key,
    live: list[tuple[str, bool]],
    ttl: int,
    changes: Sequence[RecordChange],
    positions: list[int],
    results: dict[int, ChangeResult],
) -> _RrSet | None:
    """The record set after the changes, the records of others kept; None when it would be the same as now."""
    after = {Record(*key, content).content: (content, disabled) for content, disabled in live}
    new_ttl = ttl
    for at in positions:
        change = changes[at]
        old = change.old.record.content if change.old is not None else None
        if change.kind is not ChangeKind.CREATE and old not in after:
            if change.kind is ChangeKind.DELETE:
                results[at] = done(change, sentence="it was gone already")
                continue
            if change.record.content not in after:
                said = f"{change.record.name} {change.record.type} was changed by somebody else in between."
                results[at] = refused(change, DnsErrorKind.CONFLICT, said)
                continue
        if change.kind is not ChangeKind.CREATE and old is not None:
            after.pop(old, None)
        if change.kind is not ChangeKind.DELETE:
            after.setdefault(change.record.content, (sent_content(change.record), False))
            new_ttl = change.record.ttl
    records = tuple(after.values())
    if sorted(records) == sorted(live) and new_ttl == ttl:
        return None
    return _RrSet(key, new_ttl, records)
