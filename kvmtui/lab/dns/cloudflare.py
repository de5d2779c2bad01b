"""The DNS part of Cloudflare's v4 API in memory."""

from __future__ import annotations

import itertools
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

from kvmtui.lab.dns.cloudflare_rules import Refusal, checked, live_form
from kvmtui.lab.dns.server import FakeRequest, FakeResponse, FakeServer, json_answer

PREFIX = "/client/v4"
EDIT = "#dns_records:edit"
OPERATIONS = ("deletes", "patches", "puts", "posts")


@dataclass(slots=True)
class FakeZone:
    """One zone: its records by id, and how many its plan allows."""

    id: str
    name: str
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    quota: int = 200
    status: str = "active"


@dataclass(slots=True)
class FakeToken:
    """What a token may: read the zone itself, edit its records."""

    read_zone: bool = True
    edit: bool = True
    status: str = "active"


class CloudflareFake(FakeServer):
    """Several records per name, ids, atomic batches, rate headers, errors by code."""

    def __init__(
        self, token: str, account_id: str = "a" * 32, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(ssl_context)
        self.tokens = {token: FakeToken()}
        self.account_id = account_id
        self.zones: dict[str, FakeZone] = {}
        self.most_operations = 200
        self.calls_left: int | None = None
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def api_url(self) -> str:
        """What a client takes as the base of the API."""
        return self.url + PREFIX

    def add_zone(self, name: str) -> str:
        """Creates a zone and answers its id."""
        zone_id = f"{next(self._ids):032x}"
        self.zones[zone_id] = FakeZone(zone_id, name)
        return zone_id

    def put(self, zone_id: str, kind: str, name: str, content: str, ttl: int = 300, **more: Any) -> str:
        """Writes a record behind everybody's back and answers its id."""
        with self._lock:
            return str(self._create(self.zones[zone_id], _record(kind, name, content, ttl, more))["id"])

    def contents(self, zone_id: str, name: str, kind: str) -> list[str]:
        """The contents at a name, sorted."""
        with self._lock:
            rows = list(self.zones[zone_id].records.values())
        return sorted(row["content"] for row in rows if row["name"] == name and row["type"] == kind)

    # --- the API ---

    def answer(self, request: FakeRequest) -> FakeResponse:
        """Answers as api.cloudflare.com does, rate headers included."""
        headers = self._rate_headers()
        try:
            result, info = self._route(request)
        except Refusal as no:
            error: dict[str, Any] = {"code": no.code, "message": no.message}
            if no.chain:
                error["error_chain"] = [{"code": code, "message": text} for code, text in no.chain]
            body = {"result": None, "success": False, "errors": [error], "messages": []}
            return json_answer(no.status, body, headers)
        body = {"result": result, "success": True, "errors": [], "messages": info.pop("messages", [])}
        return json_answer(200, {**body, **info}, headers)

    def _rate_headers(self) -> tuple[tuple[str, str], ...]:
        left = 1199 if self.calls_left is None else self.calls_left
        return (("Ratelimit", f'"default";r={left};t=300'), ("Ratelimit-Policy", '"default";q=1200;w=300'))

    def _route(self, request: FakeRequest) -> tuple[Any, dict[str, Any]]:
        token = self._token(request)
        parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        if parts[-2:] == ["tokens", "verify"]:
            return self._verify(token, parts, request)
        if parts == ["zones"]:
            asked = request.query.get("name")
            found = [self._zone(zone) for zone in self.zones.values() if asked in (None, zone.name)]
            return _page(found, request.query)
        zone_of_path = self.zones.get(parts[1]) if parts[0] == "zones" and len(parts) > 1 else None
        if zone_of_path is None:
            route = f"Could not route to {request.path}, perhaps your object identifier is invalid?"
            raise Refusal(400, 7003, route)
        if len(parts) == 2:
            if not token.read_zone:
                raise Refusal(403, 9109, "Unauthorized to access requested resource")
            return self._zone(zone_of_path), {}
        if parts[2] != "dns_records":
            raise Refusal(404, 7003, f"Could not route to {request.path}")
        if request.method != "GET" and not token.edit:
            raise Refusal(403, 10000, "Authentication error")
        with self._lock:
            return self._dns(zone_of_path, parts[3] if len(parts) > 3 else "", request)

    def _token(self, request: FakeRequest) -> FakeToken:
        header = request.headers.get("authorization")
        if header is None:
            raise Refusal(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        scheme, _, value = header.partition(" ")
        if scheme != "Bearer" or not value:
            chain = [(6111, "Invalid format for Authorization header")]
            raise Refusal(400, 6003, "Invalid request headers", chain)
        found = self.tokens.get(value)
        if found is None:
            if request.path.endswith("/tokens/verify"):
                raise Refusal(401, 1000, "Invalid API Token")
            raise Refusal(403, 9109, "Invalid access token")
        return found

    def _verify(self, token: FakeToken, parts: list[str], request: FakeRequest) -> tuple[Any, dict[str, Any]]:
        of_account = request.headers["authorization"].startswith("Bearer cfat_")
        wanted = ["accounts", self.account_id] if of_account else ["user"]
        if parts[:-2] != wanted:
            raise Refusal(401, 1000, "Invalid API Token")
        said = {"code": 10000, "message": "This API Token is valid and active", "type": None}
        return {"id": "f" * 32, "status": token.status}, {"messages": [said]}

    def _zone(self, zone: FakeZone) -> dict[str, Any]:
        return {
            "id": zone.id,
            "name": zone.name,
            "status": zone.status,
            "type": "full",
            "paused": False,
            "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
            "account": {"id": self.account_id, "name": "lab"},
            "plan": {"legacy_id": "free"},
            "permissions": [EDIT] if any(token.edit for token in self.tokens.values()) else [],
        }

    def _dns(self, zone: FakeZone, record_id: str, request: FakeRequest) -> tuple[Any, dict[str, Any]]:
        body = request.json()
        if request.method == "GET" and not record_id:
            rows = [row for row in zone.records.values() if _wanted(row, request.query)]
            return _page(rows, request.query)
        if request.method == "POST" and record_id == "batch":
            return self._batch(zone, body or {}), {}
        if request.method == "POST":
            return self._create(zone, body), {}
        if record_id not in zone.records:
            raise Refusal(404, 81044, "Record does not exist.")
        if request.method == "GET":
            return zone.records[record_id], {}
        if request.method == "DELETE":
            del zone.records[record_id]
            return {"id": record_id}, {}
        return self._update(zone, record_id, body or {}, whole=request.method == "PUT"), {}

    def _create(self, zone: FakeZone, body: dict[str, Any]) -> dict[str, Any]:
        record = checked(zone.name, body, list(zone.records.values()))
        if len(zone.records) >= zone.quota:
            raise Refusal(400, 81045, "Record quota exceeded.")
        row = live_form(f"{next(self._ids):032x}", record)
        zone.records[row["id"]] = row
        return row

    def _update(self, zone: FakeZone, record_id: str, body: dict[str, Any], whole: bool) -> dict[str, Any]:
        before = zone.records[record_id]
        merged = body if whole else {**before, **body}
        others = [row for row in zone.records.values() if row["id"] != record_id]
        row = live_form(record_id, checked(zone.name, merged, others), before["created_on"])
        zone.records[record_id] = row
        return row

    def _batch(self, zone: FakeZone, body: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """All or nothing, always in the order deletes, patches, puts, posts."""
        if sum(len(body.get(name) or []) for name in OPERATIONS) > self.most_operations:
            raise Refusal(400, 1004, f"A batch has at most {self.most_operations} operations")
        before = dict(zone.records)
        try:
            return {
                name: [self._step(zone, name, item) for item in body.get(name) or []] for name in OPERATIONS
            }
        except Refusal:
            zone.records = before
            raise

    def _step(self, zone: FakeZone, name: str, item: dict[str, Any]) -> dict[str, Any]:
        if name == "posts":
            return self._create(zone, item)
        record_id = str(item.get("id", ""))
        if record_id not in zone.records:
            raise Refusal(404, 81044, "Record does not exist.")
        if name == "deletes":
            return zone.records.pop(record_id)
        return self._update(zone, record_id, item, whole=name == "puts")


def _record(kind: str, name: str, content: str, ttl: int, more: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "name": name, "content": content, "ttl": ttl, **more}


def _wanted(row: dict[str, Any], query: dict[str, str]) -> bool:
    asked = {key.removesuffix(".exact"): value for key, value in query.items()}
    return all(
        str(row[key]).lower() == asked[key].lower() for key in ("name", "type", "content") if key in asked
    )


def _page(rows: list[dict[str, Any]], query: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    page, size = int(query.get("page", 1)), min(5000, int(query.get("per_page", 100)))
    part = rows[(page - 1) * size : page * size]
    info = {
        "page": page,
        "per_page": size,
        "count": len(part),
        "total_count": len(rows),
        "total_pages": max(1, -(-len(rows) // size)),
    }
    return part, {"result_info": info}
