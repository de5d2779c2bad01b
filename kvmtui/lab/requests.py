"""Reading a request as pveproxy does: path and format, what it refuses before a login, form and JSON bodies."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web

# What pveproxy answers for at all, and the longest body it reads.
METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
BODY_LIMIT = 512 * 1024
FORMATS = frozenset({"json", "extjs", "htmljs", "html", "spiceconfig", "png"})
BODY_TYPES = frozenset({"", "application/x-www-form-urlencoded", "application/json"})
API_PATH = re.compile(r"/api2/+([a-z][a-z0-9]+)(/.*)?")
# Paths whose last parameter may hold slashes: the word before it, its name, and how far it is from that word.
WITH_SLASHES = (("content", "volume", 1, 4), ("ipset", "cidr", 2, 2))


class RequestRefused(Exception):
    """A refusal with its text as the body, before the API is reached."""

    def __init__(self, status: int, text: str, *, empty: bool = False) -> None:
        super().__init__(text)
        self.status, self.text, self.empty = status, text, empty


def split_path(raw: str) -> tuple[str, str]:
    """Format and path of an API call; the path keeps its percent signs."""
    found = API_PATH.fullmatch(raw)
    if found is None:
        raise RequestRefused(501, "no such uri")
    return found[1], found[2] or "/"


def check_method(method: str) -> None:
    """Refuse a method pveproxy does not know."""
    if method not in METHODS:
        raise RequestRefused(501, f"method '{method}' not available", empty=True)


def check_transfer(request: web.BaseRequest) -> None:
    """Refuse a transfer encoding."""
    encoding = request.headers.get("Transfer-Encoding", "")
    if encoding.lower() == "chunked":
        raise RequestRefused(501, "chunked transfer encoding not supported")
    if encoding:
        raise RequestRefused(501, f"Unknown transfer encoding '{encoding}'")


def check_body(request: web.BaseRequest) -> None:
    """Refuse a body where there may be none, one that is too long, and one of an unknown type."""
    length = request.content_length or 0
    if not length:
        return
    if request.method not in ("POST", "PUT"):
        raise RequestRefused(501, f"Unexpected content for method '{request.method}'")
    if length > BODY_LIMIT:
        raise RequestRefused(501, "for data too large")
    given = request.headers.get("Content-Type", "")
    kind = re.split(r"\s*[;,]\s*", given)[0]
    if kind not in BODY_TYPES:
        raise RequestRefused(506, f"upload 'Content-Type '{given}' not implemented")


async def parameters(request: web.BaseRequest) -> dict[str, Any]:
    """The parameters of body and query; the query overrides the body."""
    values: dict[str, Any] = {}
    if request.can_read_body and request.method in ("POST", "PUT"):
        body = await request.read()
        kind = re.split(r"\s*[;,]\s*", request.headers.get("Content-Type", ""))[0]
        values = _decoded(body) if kind == "application/json" else form(body.decode("latin-1"))
    query = request.rel_url.raw_query_string
    if query:
        values.update(form(query))
    values.pop("_dc", None)
    return values


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if body else None
    except (ValueError, RecursionError):
        shown = body.decode("utf-8", "replace")[:40]
        text = (
            "malformed JSON string, neither tag, array, object, number, string or atom, at character offset 0"
        )
        raise RequestRefused(
            500, f'{text} (before "{shown}") at /usr/share/perl5/PVE/APIServer/AnyEvent.pm'
        ) from None
    if not isinstance(found, dict):
        raise RequestRefused(500, "Not a HASH reference at /usr/share/perl5/PVE/APIServer/AnyEvent.pm")
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def form(text: str) -> dict[str, Any]:
    """Form or query text: `&` and `;` separate, a repeated key becomes a list."""
    values: dict[str, Any] = {}
    for pair in text.replace(";", "&").split("&"):
        if not pair:
            continue
        parts = pair.split("=")
        key, value = _unescaped(parts[0]), _unescaped(parts[1]) if len(parts) > 1 else None
        held = values.get(key)
        if held is not None and value is not None:
            values[key] = [*held, value] if isinstance(held, list) else [held, value]
        else:
            values[key] = value
    return values


def _unescaped(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def rejoined(parts: list[str]) -> tuple[list[str], str, str] | None:
    """Head, name and value of a path whose last parameter holds slashes: volume ids and networks."""
    for word, name, distance, least in WITH_SLASHES:
        if word in parts:
            at = parts.index(word) + distance
            if at > least and len(parts) > at and (len(parts) > at + 1 or "/" in parts[at]):
                return parts[:at], name, "/".join(parts[at:])
    return None
