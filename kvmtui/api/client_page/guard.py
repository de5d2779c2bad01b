"""Who may use the page: the host a request is for, the session behind its cookie, and the token of its forms."""

from __future__ import annotations

import hmac
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from engine.actions.client_sessions import Visit
from kvmtui.api.settings import ApiSettings

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_COOKIE = "kvmtui-client"
_MOST_FIELDS = 30
_DEFAULT_PORTS = {"http": 80, "https": 443}


class PageError(Exception):
    """A page that says why something was not done: a status, and the name of a text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def is_ours(scope: Any, host: str, settings: ApiSettings, listen: str) -> bool:
    """Whether a Host header names this server: its public URL, the address it listens on, or localhost there."""
    if not host or "@" in host:
        return False
    if settings.public_url:
        port = _DEFAULT_PORTS[urlsplit(settings.public_url).scheme]
        if _place(host, port) == _place(settings.public_url.partition("//")[2], port):
            return True
    port = _DEFAULT_PORTS["https" if settings.tls_cert else "http"]
    asked, local = _place(host, port), scope.get("server") or ("", 0)
    if asked == _place(listen, port):
        return True
    names = {str(local[0]), *(("localhost",) if _is_loopback(str(local[0])) else ())}
    return asked is not None and asked[0] in names and asked[1] == local[1]


def _place(place: str, default: int) -> tuple[str, int] | None:
    """Host and port of HOST or HOST:PORT; None for anything else."""
    try:
        parts = urlsplit(f"//{place}")
        return (parts.hostname or "", parts.port or default) if parts.hostname else None
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def cookie_name(secure_origin: bool) -> str:
    """The cookie's name; where the page has TLS, one that no other host of the domain can set."""
    return f"__Host-{_COOKIE}" if secure_origin else _COOKIE


def cookie_of(request: Request) -> str:
    """The secret in the session's cookie; empty without one, and for two, one of which is not ours."""
    name = cookie_name(has_tls(request))
    found = [
        value.strip()
        for header in request.headers.getlist("cookie")
        for key, _, value in (part.partition("=") for part in header.split(";"))
        if key.strip() == name
    ]
    return found[0] if len(found) == 1 and len(found[0]) <= 100 else ""


def has_tls(request: Request) -> bool:
    """Whether browsers reach the page over TLS."""
    settings: ApiSettings = request.app.state.settings
    return settings.tls_cert is not None or settings.public_url.startswith("https:")


def set_cookie(response: Any, request: Request, secret: str) -> None:
    """Hand the session to the browser; an empty secret removes it."""
    response.set_cookie(
        cookie_name(has_tls(request)),
        secret,
        max_age=None if secret else 0,
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
    )


async def fields_of(request: Request, visit: Visit) -> dict[str, list[str]]:
    """The fields of a form of ours; PageError when another page sent it."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise PageError(403, "error_form")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise PageError(415, "error_form")
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise PageError(422, "error_input") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if not value.isprintable():
            raise PageError(422, "error_input")
        fields.setdefault(name, []).append(value.strip())
    given = fields.get("csrf", [""])[0]
    if not hmac.compare_digest(given.encode(), visit.csrf.encode()):
        raise PageError(403, "error_form")
    return fields
