"""The server behind `kvmtui web`: one page, and a WebSocket for each console.

On loopback, whoever has the key in the address that was printed at the start uses the console as the operator who
runs `kvmtui web`. Behind a proxy, everyone signs in with a token of the API and has its role. Other users of this host
and other pages of the same browser have neither key, token nor cookie.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from engine.errors import Failed, KvmtuiError
from kvmtui.api.peers import Networks
from kvmtui.api.settings import address_of
from kvmtui.web.access import COOKIE, BrowserAccess, KeyAccess, TokenAccess, WebVisitor
from kvmtui.web.settings import WebSettings

log = logging.getLogger(__name__)
MOST_CONSOLES = 8
_VISITOR = "visitor"
_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_FULL = "All {most} consoles that this server may open are in use. Close one and reload this page.\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def run(
    settings: WebSettings, most: int, options: Sequence[str], title: str, say: Callable[[str], None]
) -> int:
    """Serve consoles until SIGINT or SIGTERM; `say` gets the address that lets a browser in."""
    server = ConsoleServer(settings, most, options, title)
    say(server.entrance)
    try:
        server.serve()
    except OSError as error:
        raise Failed(
            f"The web console cannot listen on {settings.listen}: {error.strerror}. Choose another with --listen."
        ) from error
    return 0


class ConsoleServer(Server):
    """Serves the page and the consoles to those who are let in."""

    def __init__(self, settings: WebSettings, most: int, options: Sequence[str], title: str) -> None:
        host, port = address_of(settings.listen)
        shown = f"[{host}]" if ":" in host else host
        self._names = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]", shown)}
        self._public = settings.public_url
        if self._public:
            self._names = {urlsplit(self._public).netloc}
        command = shlex.join([sys.executable, "-m", "kvmtui", *options])
        super().__init__(command, host, port, title, self._public or f"http://{shown}:{port}")
        self._access: BrowserAccess
        self.entrance = f"{self.public_url}/"
        if settings.behind_proxy:
            self._access = TokenAccess(self._public, Networks(settings.proxies), title)
        else:
            self._access = by_key = KeyAccess()
            self.entrance = f"{self.public_url}/?key={by_key.key}"
        self._most = most
        self._open: set[_Console] = set()

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
        app.add_routes([web.post("/sign-out", self._sign_out)])
        app.add_routes([web.get("/download/{key}", self.handle_download)])
        for name in ("page.css", "page.js"):
            app.add_routes([web.get(f"/{name}", partial(_file, _HERE / name))])
        app.add_routes([web.static("/static", self.statics_path)])
        return app

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in whoever has access, from a page of this server."""
        if request.headers.get("Host", "").lower() not in self._names:
            return web.Response(status=421, text="This server answers only to the address that it printed.\n")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc not in self._names:
            return web.Response(status=403, text="Another page cannot use this console.\n")
        try:
            answer = await self._access.answer(request)
            visitor = None if answer else await self._access.visitor(request)
        except KvmtuiError as error:  # the database does not answer
            return self._armed(web.Response(status=503, text=f"{error.sentence}\n"))
        if answer is None and visitor is not None:
            request[_VISITOR] = visitor
            answer = await handler(request)
        return self._armed(answer or self._access.refusal())

    def _armed(self, answer: web.StreamResponse) -> web.StreamResponse:
        if not answer.prepared:
            answer.headers["Content-Security-Policy"] = _POLICY
            answer.headers["X-Content-Type-Options"] = "nosniff"
            # without a referrer a browser sends the form of the sign-in page with "Origin: null"
            answer.headers["Referrer-Policy"] = "same-origin" if self._access.tokens else "no-referrer"
            answer.headers["Cache-Control"] = "no-store"
        return answer

    async def _page(self, request: web.Request) -> web.Response:
        if len(self._open) >= self._most:
            return web.Response(status=503, text=_FULL.format(most=self._most))
        socket = f"{'wss' if self._public.startswith('https:') else 'ws'}://{request.host}/ws"
        size = min(40, max(8, to_int(request.query.get("fontsize", "16"), 16)))
        page = jinja2.Template((_HERE / "page.html").read_text("utf-8"), autoescape=True)
        text = page.render(title=self.title, socket=socket, size=size, tokens=self._access.tokens)
        return web.Response(text=text, content_type="text/html")

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        """End the session and every console of it. A form that another page sent was refused by its Origin."""
        if not isinstance(self._access, TokenAccess) or "Origin" not in request.headers:
            return web.Response(status=403, text="Sign out with the button of the page.\n")
        visitor: WebVisitor = request[_VISITOR]
        self._access.end(visitor.session)
        for each in [each for each in self._open if each.visitor.session == visitor.session]:
            await each.remote_close()
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.del_cookie(COOKIE, path="/")
        return answer

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run one console for one WebSocket; it ends with it."""
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=1_048_576)
        await socket.prepare(request)
        if len(self._open) >= self._most:
            await socket.close()
            return socket
        service = _Console(
            self.command,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=partial(_close, socket),
            download_manager=self.download_manager,
        )
        service.visitor = request[_VISITOR]
        self._open.add(service)
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
            self._open.discard(service)
        return socket


class _Console(AppService):
    """One console process; the audit trail names the browser's address, and the token that signed in."""

    visitor = WebVisitor("", "", {})

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        given = super()._build_environment(min(1000, width), min(1000, height))
        own = {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "SSH_CLIENT": f"{self.visitor.address} 0 0",
        }
        return given | own | dict(self.visitor.environment)


async def _close(socket: web.WebSocketResponse) -> None:
    await socket.close()


async def _file(path: Path, request: web.Request) -> web.StreamResponse:
    return web.FileResponse(path)
