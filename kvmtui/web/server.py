"""The server behind `kvmtui web`: one page, and a WebSocket for each console.

Whoever may reach the console may do what its operator may. So it listens on loopback only, and a browser is let in
only with the key in the address that was printed at the start: other users of this host, and other pages of the same
browser, have neither the key nor the cookie it is exchanged for.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from engine.errors import Failed, Refused

log = logging.getLogger(__name__)
DEFAULT = "127.0.0.1:8461"
MOST_CONSOLES = 8
_COOKIE = "kvmtui_web"
_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_NO_KEY = "This page needs the address with its key that `kvmtui web` printed when it started.\n"
_FULL = "All {most} consoles that this server may open are in use. Close one and reload this page.\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def run(
    listen: str, public_url: str, most: int, options: Sequence[str], title: str, say: Callable[[str], None]
) -> int:
    """Serve consoles until SIGINT or SIGTERM; `say` gets the address that lets a browser in."""
    host, port = address(listen)
    server = ConsoleServer(host, port, checked_url(public_url), most, options, title)
    say(server.entrance)
    try:
        server.serve()
    except OSError as error:
        raise Failed(
            f"The web console cannot listen on {listen}: {error.strerror}. Choose another with --listen."
        ) from error
    return 0


def address(listen: str) -> tuple[str, int]:
    """Host and port; anything but loopback is refused."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused(f"'{listen}' is not an address with a port; write one like {DEFAULT}.")
    try:
        inside = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise Refused(
            f"The web console listens on loopback only, and {host} is not. "
            "Put a proxy with TLS and a login in front of it and name its address with --public-url."
        )
    return host, int(port)


def checked_url(public_url: str) -> str:
    """The address of the proxy without a slash at its end."""
    parts = urlsplit(public_url)
    if public_url and (parts.scheme != "https" or not parts.netloc or parts.query or parts.fragment):
        raise Refused(
            f"'{public_url}' is not an address that a proxy can have; write one like https://ops.example.com."
        )
    return public_url.rstrip("/")


class ConsoleServer(Server):
    """Serves the page and the consoles to whoever has the key."""

    def __init__(
        self, host: str, port: int, public_url: str, most: int, options: Sequence[str], title: str
    ) -> None:
        shown = f"[{host}]" if ":" in host else host
        self._names = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]", shown)}
        self._public = public_url
        if public_url:
            self._names.add(urlsplit(public_url).netloc)
        command = shlex.join([sys.executable, "-m", "kvmtui", *options])
        super().__init__(command, host, port, title, public_url or f"http://{shown}:{port}")
        self._key, self._session = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._most, self._open = most, 0

    @property
    def entrance(self) -> str:
        """The address that lets a browser in."""
        return f"{self.public_url}/?key={self._key}"

    def initialize_logging(self) -> None:
        """The program's own log is open already."""

    async def on_startup(self, app: web.Application) -> None:
        """What is said at the start was said by `run`."""

    async def _make_app(self) -> web.Application:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        app = web.Application(middlewares=[guard], client_max_size=65_536)
        app.add_routes([web.get("/", self._page), web.get("/ws", self.handle_websocket)])
        app.add_routes([web.get("/download/{key}", self.handle_download)])
        for name in ("page.css", "page.js"):
            app.add_routes([web.get(f"/{name}", partial(_file, _HERE / name))])
        app.add_routes([web.static("/static", self.statics_path)])
        return app

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in whoever has the key or its cookie, from a page of this server."""
        if request.headers.get("Host", "") not in self._names:
            return web.Response(status=421, text="This server answers only to the address that it printed.\n")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc not in self._names:
            return web.Response(status=403, text="Another page cannot use this console.\n")
        if request.path == "/" and _same(request.query.get("key", ""), self._key):
            answer: web.StreamResponse = web.Response(status=303, headers={"Location": f"{self._public}/"})
            answer.set_cookie(
                _COOKIE, self._session, httponly=True, samesite="Strict", secure=bool(self._public), path="/"
            )
            return _armed(answer)
        if not _same(request.cookies.get(_COOKIE, ""), self._session):
            return _armed(web.Response(status=403, text=_NO_KEY))
        return _armed(await handler(request))

    async def _page(self, request: web.Request) -> web.Response:
        if self._open >= self._most:
            return web.Response(status=503, text=_FULL.format(most=self._most))
        socket = f"{'wss' if self._public else 'ws'}://{request.host}/ws"
        size = min(40, max(8, to_int(request.query.get("fontsize", "16"), 16)))
        page = jinja2.Template((_HERE / "page.html").read_text("utf-8"), autoescape=True)
        return web.Response(
            text=page.render(title=self.title, socket=socket, size=size), content_type="text/html"
        )

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run one console for one WebSocket; it ends with it."""
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=1_048_576)
        await socket.prepare(request)
        if self._open >= self._most:
            await socket.close()
            return socket
        self._open += 1
        service = _Console(
            self.command,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=partial(_close, socket),
            download_manager=self.download_manager,
        )
        service.client = _client(request, behind_proxy=bool(self._public))
        try:
            await service.start(
                to_int(request.query.get("width", "80"), 80), to_int(request.query.get("height", "24"), 24)
            )
            await self._process_messages(socket, service)
        except (AssertionError, ValueError, KeyError, TypeError, IndexError) as error:
            log.warning(
                "A browser sent what no terminal sends (%s); its console was closed", type(error).__name__
            )
        except ConnectionError:
            log.info("A browser went away")
        finally:
            await asyncio.shield(service.stop())
            self._open -= 1
        return socket


class _Console(AppService):
    """One console process; the audit trail names the browser's address."""

    client = ""

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        given = super()._build_environment(min(1000, width), min(1000, height))
        return given | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "SSH_CLIENT": self.client}


def _client(request: web.Request, behind_proxy: bool) -> str:
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() if behind_proxy else ""
    try:
        return f"{ip_address(forwarded or request.remote or '')} 0 0"
    except ValueError:
        return f"{request.remote} 0 0"


async def _close(socket: web.WebSocketResponse) -> None:
    await socket.close()


async def _file(path: Path, request: web.Request) -> web.StreamResponse:
    return web.FileResponse(path)


def _armed(answer: web.StreamResponse) -> web.StreamResponse:
    if not answer.prepared:
        answer.headers["Content-Security-Policy"] = _POLICY
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
