"""A PowerDNS API in memory: enough for the demo, where no PowerDNS is installed.

It answers no DNS queries.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
import threading
from typing import Any
from urllib.parse import unquote

from kvmtui.lab.dns.server import FakeRequest, FakeResponse, FakeServer, json_answer

API = "/api/v1/servers/localhost"
TYPES = frozenset({"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"})
_NAME = re.compile(r"[\w./*-]+")
LARGEST_BODY = 2 * 1024 * 1024
Sets = dict[tuple[str, str], dict[str, Any]]


class _Refusal(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class PowerDnsLite(FakeServer):
    """Zones with record sets, written in transactions, in the words of PowerDNS 4.7."""

    close_each = True

    def __init__(self, api_key: str, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(ssl_context)
        self.api_key = api_key
        self.kind = "Native"
        self._zones: dict[str, Sets] = {}
        self._serials: dict[str, int] = {}
        self._lock = threading.Lock()

    def add_zone(self, name: str) -> None:
        """Creates a zone with its SOA and NS."""
        full = name.rstrip(".") + "."
        soa = f"ns1.{full} hostmaster.{full} 1 10800 3600 604800 3600"
        with self._lock:
            self._serials[full] = 1
            self._zones[full] = {
                (full, "SOA"): _record_set(full, "SOA", 3600, [soa]),
                (full, "NS"): _record_set(full, "NS", 3600, [f"ns1.{full}"]),
            }

    def drop_zone(self, name: str) -> None:
        """Makes a zone vanish."""
        with self._lock:
            self._zones.pop(name.rstrip(".") + ".", None)

    def contents(self, name: str, kind: str) -> list[str]:
        """What the record set of a full name holds, in whichever zone."""
        key = (name.rstrip(".") + ".", kind)
        with self._lock:
            return [r["content"] for z in self._zones.values() if key in z for r in z[key]["records"]]

    def records(self) -> set[tuple[str, str, str]]:
        """Every record of every zone but SOA and NS: name, type, content, without the last dot."""
        with self._lock:
            sets = [item for zone in self._zones.values() for item in zone.values()]
            return {
                (item["name"].rstrip("."), item["type"], record["content"].rstrip("."))
                for item in sets
                for record in item["records"]
                if item["type"] not in ("SOA", "NS")
            }

    def busy_answer(self) -> FakeResponse:
        """What a busy database backend makes of a request."""
        return json_answer(500, {"error": "Internal Server Error"})

    def answer(self, request: FakeRequest) -> FakeResponse:
        """Answers the calls of the API that handle zones and their records."""
        try:
            return self._route(request)
        except _Refusal as no:
            headers = (("Www-Authenticate", 'X-API-Key realm="PowerDNS"'),) if no.status == 401 else ()
            if "json" not in request.headers.get("accept", ""):
                plain = (("Content-Type", "text/plain; charset=utf-8"), *headers)
                return FakeResponse(no.status, str(no).encode(), plain)
            return json_answer(no.status, {"error": str(no)}, headers)

    def _route(self, request: FakeRequest) -> FakeResponse:
        if request.headers.get("x-api-key") != self.api_key:
            raise _Refusal(401, "Unauthorized")
        if len(request.body) > LARGEST_BODY:
            raise _Refusal(400, "Bad Request")
        if request.path == API and request.method == "GET":
            return json_answer(
                200, {"daemon_type": "authoritative", "id": "localhost", "type": "Server", "version": "4.7.3"}
            )
        if request.path == f"{API}/zones":
            if request.method != "GET":
                raise _Refusal(405, "Method Not Allowed")
            return json_answer(200, self._find(request.query.get("zone")))
        if not request.path.startswith(f"{API}/zones/"):
            raise _Refusal(404, "Not Found")
        name = unquote(request.path.removeprefix(f"{API}/zones/")).replace("=2F", "/").rstrip(".") + "."
        with self._lock:
            if name not in self._zones:
                raise _Refusal(404, "Not Found")
            if request.method == "GET":
                return json_answer(200, self._zone(name, request.query))
            if request.method == "PATCH":
                return self._patch(name, request.json())
        raise _Refusal(405, "Method Not Allowed")

    def _find(self, wanted: str | None) -> list[dict[str, Any]]:
        if wanted is not None and not wanted.endswith("."):
            raise _Refusal(422, f"DNS Name '{wanted}' is not canonical")
        with self._lock:
            return [self._head(name) for name in self._zones if wanted is None or name == wanted.lower()]

    def _head(self, name: str) -> dict[str, Any]:
        zone_id = name.replace("/", "=2F")
        serial = self._serials[name]
        return {
            "id": zone_id,
            "name": name,
            "kind": self.kind,
            "serial": serial,
            "edited_serial": serial,
            "dnssec": False,
            "url": f"{API}/zones/{zone_id}",
        }

    def _zone(self, name: str, query: dict[str, str]) -> dict[str, Any]:
        if query.get("rrsets") == "false":
            return self._head(name)
        sets = list(self._zones[name].values())
        if owner := query.get("rrset_name"):
            sets = [item for item in sets if item["name"] == owner.lower().rstrip(".") + "."]
        if kind := query.get("rrset_type"):
            sets = [item for item in sets if item["type"] == kind]
        return {**self._head(name), "rrsets": sets}

    def _patch(self, zone: str, body: Any) -> FakeResponse:
        if body is None:
            raise _Refusal(400, "Bad Request")
        if not isinstance(body, dict) or not isinstance(body.get("rrsets"), list):
            raise _Refusal(422, "No rrsets given in update request")
        after = dict(self._zones[zone])
        seen: set[tuple[str, str, str]] = set()
        for item in body["rrsets"]:
            _change(after, zone, item)
            mark = (str(item["name"]).lower(), str(item["type"]), str(item["changetype"]))
            if mark in seen:
                raise _Refusal(422, f"Duplicate RRset {mark[0]} IN {mark[1]} with changetype: {mark[2]}")
            seen.add(mark)
        self._zones[zone] = after
        self._serials[zone] += 1
        serial = str(self._serials[zone])
        return FakeResponse(204, b"", (("X-Pdns-New-Serial", serial), ("X-Pdns-Old-Serial", serial)))


def _record_set(name: str, kind: str, ttl: int, contents: list[str]) -> dict[str, Any]:
    records = [{"content": content, "disabled": False} for content in contents]
    return {"name": name, "type": kind, "ttl": ttl, "records": records, "comments": []}


def _change(sets: Sets, zone: str, item: dict[str, Any]) -> None:
    name, kind = str(item.get("name", "")).lower(), str(item.get("type", ""))
    if not name.endswith("."):
        raise _Refusal(422, f"DNS Name '{name}' is not canonical")
    if not _NAME.fullmatch(name):
        spelled = re.sub(r"[^\w./*-]", lambda odd: f"\\{ord(odd[0]):03d}", name)
        raise _Refusal(422, f"Name '{spelled}' contains unsupported characters")
    change = item.get("changetype")
    if not isinstance(change, str):
        raise _Refusal(422, "Key 'changetype' not present or not a String")
    if change == "DELETE":
        sets.pop((name, kind), None)
        return
    if change != "REPLACE":
        raise _Refusal(422, "Changetype not understood")
    _replace(sets, zone, name, kind, item)


def _replace(sets: Sets, zone: str, name: str, kind: str, item: dict[str, Any]) -> None:
    label = f"RRset {name} IN {kind}"
    if name != zone and not name.endswith("." + zone):
        raise _Refusal(422, f"{label}: Name is out of zone")
    if kind not in TYPES:
        raise _Refusal(422, f"{label}: unknown type given")
    if not isinstance(item.get("ttl"), int):
        raise _Refusal(422, "Key 'ttl' not an Integer or not present")
    contents = [_content(name, kind, str(record.get("content", ""))) for record in item.get("records") or []]
    for content in contents:
        if contents.count(content) > 1:
            raise _Refusal(422, f'Duplicate record in {label} with content "{content}"')
    others = {other for owner, other in sets if owner == name and other != kind}
    if contents and ("CNAME" in others or (kind == "CNAME" and others)):
        raise _Refusal(422, f"{label}: Conflicts with pre-existing RRset")
    sets.pop((name, kind), None)
    if contents:
        kept = _record_set(name, kind, item["ttl"], contents)
        for record, given in zip(kept["records"], item["records"], strict=True):
            record["disabled"] = bool(given.get("disabled"))
        sets[(name, kind)] = kept


def _content(name: str, kind: str, content: str) -> str:
    if kind in ("A", "AAAA"):
        try:
            family = ipaddress.IPv4Address if kind == "A" else ipaddress.IPv6Address
            return str(family(content))
        except ValueError:
            why = "Parsing record content (try 'pdnsutil check-zone'): unable to parse IP address"
            raise _Refusal(422, f"Record {name}/{kind} '{content}': {why}") from None
    if kind in ("PTR", "CNAME", "NS") and not content.endswith("."):
        why = f"Not in expected format (parsed as '{content}.')"
        raise _Refusal(422, f"Record {name}/{kind} '{content}': {why}")
    return content
