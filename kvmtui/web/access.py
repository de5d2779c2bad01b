"""Who may use the console for browsers: the holder of the key that was printed, or of a token of the API.

With the key, everybody is the operator who runs `kvmtui web`; it serves loopback only. With tokens, each session is
kept in the memory of the server: its cookie is random, ends after 12 hours, and is worth nothing once its token has
expired, or was rotated or revoked.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import jinja2
from aiohttp import web

from engine.actions.token_sign_in import ENDED, SignIn, identity_of, sign_in
from engine.errors import KvmtuiError, NotAuthenticated, TooManyTries
from kvmtui.api.peers import Networks, forwarded
from kvmtui.app import SIGNED_IN

log = logging.getLogger(__name__)
COOKIE = "kvmtui_web"
SESSION_SECONDS = 12 * 3600
MOST_SESSIONS = 1000
_HERE = Path(__file__).parent
_NO_KEY = "This page needs the address with its key that `kvmtui web` printed when it started.\n"
_NO_SESSION = "Nobody is signed in here. Open the first page of this server and sign in with a token.\n"


@dataclass(frozen=True, slots=True)
class WebVisitor:
    """Whoever was let in: their session, their address, and what their console is started with."""

    session: str
    address: str
    environment: Mapping[str, str]


class BrowserAccess(Protocol):
    """How a browser is let in."""

    tokens: bool
    """Whether people sign in, and can sign out."""

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """What lets a browser in, or its sign-in page; None when the request is for something else."""

    async def visitor(self, request: web.Request) -> WebVisitor | None:
        """Who sent a request; None for those who are not let in."""

    def refusal(self) -> web.StreamResponse:
        """What those who are not let in get."""


class KeyAccess:
    """Lets in whoever has the key of this start."""

    tokens = False

    def __init__(self) -> None:
        self.key, self._session = secrets.token_urlsafe(24), secrets.token_urlsafe(24)

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """Exchange the key for the cookie."""
        if request.path != "/" or not _same(request.query.get("key", ""), self.key):
            return None
        return _with_cookie(self._session, secure=False)

    async def visitor(self, request: web.Request) -> WebVisitor | None:
        """Whoever has the cookie."""
        if not _same(request.cookies.get(COOKIE, ""), self._session):
            return None
        return WebVisitor(self._session, request.remote or "", {})

    def refusal(self) -> web.StreamResponse:
        """Says where the key is."""
        return web.Response(status=403, text=_NO_KEY)


@dataclass(frozen=True, slots=True)
class _Session:
    sign_in: SignIn
    ends: float


class TokenAccess:
    """Lets in whoever signs in with a token of the API."""

    tokens = True

    def __init__(self, public_url: str, proxies: Networks, title: str) -> None:
        self._secure, self._proxies, self._title = public_url.startswith("https:"), proxies, title
        self._sessions: dict[str, _Session] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """The sign-in page and its form; the page is shown at `/` to those who are not signed in."""
        if request.path == "/sign-in.css":
            return web.FileResponse(_HERE / "sign-in.css")
        if request.path == "/sign-in" and request.method == "POST":
            return await self._sign_in(request)
        if request.path == "/" and request.method in ("GET", "HEAD") and await self.visitor(request) is None:
            return self._page(200, ENDED if COOKIE in request.cookies else "")
        return None

    async def visitor(self, request: web.Request) -> WebVisitor | None:
        """Whoever is signed in, while their token is valid."""
        cookie = request.cookies.get(COOKIE, "")
        found = self._sessions.get(cookie)
        if found is None:
            return None
        try:
            if found.ends < time.monotonic():
                raise NotAuthenticated(ENDED)
            await asyncio.to_thread(identity_of, found.sign_in)
        except NotAuthenticated:
            self.end(cookie)
            return None
        return WebVisitor(cookie, self._address(request), {SIGNED_IN: found.sign_in.spelled()})

    def refusal(self) -> web.StreamResponse:
        """Says where to sign in."""
        return web.Response(status=403, text=_NO_SESSION)

    def end(self, session: str) -> None:
        """End a session; its cookie lets nobody in any more."""
        self._sessions.pop(session, None)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        """Check the token of the form. A form that another page sent has been refused before by its Origin."""
        if "Origin" not in request.headers:
            return self._page(403, "The browser did not say which page sent this form. Sign in on this page.")
        address = self._address(request)
        presented = str((await request.post()).get("token", "")).strip()
        try:
            known, identity = await asyncio.to_thread(sign_in, presented, address)
        except TooManyTries as error:
            answer = self._page(429, error.sentence)
            answer.headers["Retry-After"] = str(error.retry_after)
            return answer
        except KvmtuiError as error:
            log.warning("A sign-in from %s was refused: %s", address, error.sentence)
            return self._page(403, error.sentence)
        log.info("%s signed in from %s", identity.login, address)
        self.end(request.cookies.get(COOKIE, ""))
        if len(self._sessions) >= MOST_SESSIONS:
            self.end(next(iter(self._sessions)))  # the oldest
        session = secrets.token_urlsafe(24)
        self._sessions[session] = _Session(known, time.monotonic() + SESSION_SECONDS)
        return _with_cookie(session, self._secure, SESSION_SECONDS)

    def _address(self, request: web.Request) -> str:
        return forwarded(request.remote or "", request.headers.getall("X-Forwarded-For", []), self._proxies)

    def _page(self, status: int, said: str) -> web.Response:
        page = jinja2.Template((_HERE / "sign-in.html").read_text("utf-8"), autoescape=True)
        text = page.render(title=self._title, said=said)
        return web.Response(status=status, text=text, content_type="text/html")


def _with_cookie(session: str, secure: bool, seconds: int | None = None) -> web.StreamResponse:
    answer = web.Response(status=303, headers={"Location": "/"})
    answer.set_cookie(
        COOKIE, session, max_age=seconds, httponly=True, samesite="Strict", secure=secure, path="/"
    )
    return answer


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
