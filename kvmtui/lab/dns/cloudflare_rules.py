"""What Cloudflare requires of a record, and how it returns it."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

PROXY_TYPES = frozenset({"A", "AAAA", "CNAME"})
INVALID = "DNS Validation Error"


class Refusal(Exception):
    """An error answer: HTTP status, code, text, and the chain of causes."""

    def __init__(
        self, status: int, code: int, message: str, chain: list[tuple[int, str]] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.chain = chain or []


def checked(zone: str, body: Any, others: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of a request, completed; refused with Cloudflare's codes when it conflicts with the
    others.
    """
    if not isinstance(body, dict):
        raise Refusal(400, 9207, "Request body is invalid.")
    kind = str(body.get("type", ""))
    name = _full_name(str(body.get("name", "")), zone)
    record: dict[str, Any] = {
        "name": name,
        "type": kind,
        "content": _content(kind, str(body.get("content", ""))),
        "ttl": _ttl(body.get("ttl", 1)),
        "proxied": bool(body.get("proxied", False)),
        "comment": body.get("comment"),
    }
    if body.get("tags"):
        raise Refusal(400, 1004, INVALID, [(9300, "DNS record has 1 tags, exceeding the quota of 0.")])
    if record["proxied"] and not _proxiable(kind, record["content"]):
        raise Refusal(400, 1004, INVALID, [(9041, "This DNS record cannot be proxied.")])
    _conflict(record, [row for row in others if row["name"] == name])
    return record


def _full_name(name: str, zone: str) -> str:
    plain = name.rstrip(".").lower()
    if plain in ("", "@"):
        return zone
    return plain if plain == zone or plain.endswith("." + zone) else f"{plain}.{zone}"


def _content(kind: str, content: str) -> str:
    try:
        if kind == "A":
            return str(ipaddress.IPv4Address(content))
        if kind == "AAAA":
            return ipaddress.IPv6Address(content).compressed
    except ValueError:
        version = "IPv4" if kind == "A" else "IPv6"
        raise Refusal(400, 9005, f"Content for {kind} record must be a valid {version} address.") from None
    return content.rstrip(".") if kind in ("CNAME", "NS", "PTR") else content


def _ttl(value: Any) -> int:
    ttl = int(value or 1)
    if ttl != 1 and not 60 <= ttl <= 86400:
        raise Refusal(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
    return ttl


def _conflict(record: dict[str, Any], others: list[dict[str, Any]]) -> None:
    for row in others:
        if (row["type"], row["content"]) == (record["type"], record["content"]):
            raise Refusal(400, 81058, "An identical record already exists.")
        if row["type"] == "CNAME" and record["type"] != "CNAME":
            raise Refusal(400, 81054, "A CNAME record with that host already exists.")
        if record["type"] == "CNAME":
            raise Refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")


def _proxiable(kind: str, content: str) -> bool:
    if kind not in PROXY_TYPES:
        return False
    return kind == "CNAME" or ipaddress.ip_address(content).is_global


def live_form(record_id: str, record: dict[str, Any], created: str = "") -> dict[str, Any]:
    """A stored record as every answer shows it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "id": record_id,
        "name": record["name"],
        "type": record["type"],
        "content": record["content"],
        "proxiable": _proxiable(record["type"], record["content"]),
        "proxied": record["proxied"],
        "ttl": 1 if record["proxied"] else record["ttl"],
        "settings": {},
        "meta": {},
        "comment": record["comment"],
        "tags": [],
        "created_on": created or now,
        "modified_on": now,
    }
