"""URLs of HTTP APIs: validated and normalised, so that two servers can be distinguished."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from engine import redact
from engine.errors import Refused

_PORTS = {"http": 80, "https": 443}


def checked_url(url: str) -> str:
    """A server address without final slash; refused unless it is plain http or https with a host."""
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as wrong:
        raise Refused(f"'{text}' is not a server address: {wrong}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise Refused(f"'{redact.redact(text)}' is not a server address. Write it as https://host:port.")
    if parts.username or parts.password:
        raise Refused("A server address must not contain a user or password; they have separate fields.")
    if parts.query or parts.fragment:
        raise Refused("A server address must not contain a query (`?…`) or a fragment (`#…`).")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def server_of(url: str) -> str:
    """Host, port and path of a server address in one spelling: equal for two spellings of one server."""
    parts = urlsplit(url.strip().rstrip("/"))
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{parts.port or _PORTS.get(parts.scheme, 0)}{parts.path.rstrip('/')}"


def without_path(url: str, *endings: str) -> str:
    """The address without an API path that was copied along, and without what follows it."""
    for ending in endings:
        url = url.partition(f"{ending}/")[0].removesuffix(ending)
    return url.rstrip("/")
