"""The small server behind links to screens: noVNC's files, one page per link, and the relay to Proxmox.

It listens on loopback unless configured otherwise, answers only under its own name, and writes nothing into any log.
"""

from __future__ import annotations

import errno
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from weakref import WeakSet

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from engine.consoles import page
from engine.consoles.console_options import ConsoleSettings
from engine.consoles.relay import relay
from engine.consoles.screen_offers import Clock, ConnectedScreen, OfferStage, ScreenOffer
from engine.errors import KvmtuiError, Refused
from engine.proxmox.console import SILENT

log = logging.getLogger(__name__)
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_FIRST_WORD_SECONDS = 5.0
_ASSETS = ("page.js", "page.css")
_CLOSED = "The screen of {name} was closed."
_ENDED = "Proxmox ended the screen of {name}: the VM was stopped or migrated, or the connection to the cluster broke."
_FAULT = "The screen could not be opened: internal error; see the log file of kvmtui."
_GONE = "This link was used already, or its ten seconds are over. Ask kvmtui for a new one."


class Visitor(ServerConnection):
    """A browser's connection; `offer` is the screen it has a seat for."""

    offer: ScreenOffer | None = None


class ScreenProxy:
    """`with ScreenProxy(settings, scripts) as proxy:` serves links until the block ends."""

    def __init__(
        self, settings: ConsoleSettings, scripts: Mapping[str, Path], clock: Clock = time.monotonic
    ) -> None:
        self._settings = settings
        self._scripts = scripts
        self._clock = clock
        self._offers: list[ScreenOffer] = []
        self._lock = threading.Lock()
        self._visitors: WeakSet[Visitor] = WeakSet()
        self._closing = False
        self._socket = _listening(settings)
        self._loopback = ip_address(settings.address).is_loopback
        self.port = int(self._socket.getsockname()[1])
        self.url = settings.url or f"http://{settings.host}:{self.port}"
        self._server = self._served()
        self._thread = threading.Thread(target=self._server.serve_forever, name="screens", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def offer(self, name: str, get: Callable[[str], ConnectedScreen]) -> tuple[ScreenOffer, str]:
        """Offers a screen; the link that shows it once to whoever opens it within ten seconds."""
        offer = ScreenOffer(name, get, self._clock)
        with self._lock:
            self._offers = [each for each in self._offers if each.now() is not OfferStage.ENDED] + [offer]
        return offer, f"{self.url}/open/{offer.token}"

    def close(self) -> None:
        """Ends every screen and stops listening."""
        for offer in self._known():
            offer.end(True, f"The screen of {offer.name} was closed with the console.")
        self._turn_away()
        self._server.shutdown()
        self._thread.join()

    def _turn_away(self) -> None:
        """Hangs up on connections that requested nothing yet: browsers open some in advance and leave them so."""
        with self._lock:
            self._closing = True
            visitors = list(self._visitors)
        for visitor in visitors:
            if visitor.request is None:
                _hang_up(visitor)

    def _welcome(self, *line: Any, **options: Any) -> Visitor:
        """Called in the connection's own thread, which may begin only after `close` was called."""
        visitor = Visitor(*line, **options)
        with self._lock:
            self._visitors.add(visitor)
            closing = self._closing
        if closing:
            _hang_up(visitor)
        return visitor

    def _served(self) -> Server:
        return serve(
            self._connected,
            sock=self._socket,
            process_request=self._answer,
            select_subprotocol=lambda *_: Subprotocol("binary"),
            compression=None,
            server_header=None,
            close_timeout=2,
            max_size=16 * 1024 * 1024,
            logger=SILENT,
            open_timeout=_FIRST_WORD_SECONDS,
            create_connection=self._welcome,  # type: ignore[arg-type]
        )

    def _known(self) -> list[ScreenOffer]:
        with self._lock:
            return list(self._offers)

    def _answer(self, visitor: ServerConnection, request: Request) -> Response | None:
        """The answer to one request; None lets a websocket through to `_connected`."""
        host = request.headers.get("Host", "")
        if not self._is_ours(host):
            return self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This address is not served here.")
        path = request.path.partition("?")[0]
        peer = str(visitor.remote_address[0])
        if path == "/stream":
            return self._seat(visitor, request, peer, host)
        if path == "/ticket":
            return self._ticket(request.headers.get("X-Kvmtui-Key", ""), peer)
        if path.startswith("/open/"):
            return self._page(path.removeprefix("/open/"), peer)
        return self._file(path.removeprefix("/"))

    def _is_ours(self, host: str) -> bool:
        """Whether this is a name of ours: a page elsewhere that points its own name at us gets nothing."""
        if host.lower() == urlsplit(self.url).netloc:
            return True
        with suppress(ValueError):
            name = urlsplit(f"//{host}")
            return self._loopback and name.hostname in _LOOPBACK_NAMES and "@" not in host
        return False

    def _page(self, token: str, peer: str) -> Response:
        for offer in self._known():
            if key := offer.page(token, peer):
                return self._response(HTTPStatus.OK, "html", page.page(offer.name, key))
        return self._refuse(HTTPStatus.GONE, _GONE)

    def _ticket(self, key: str, peer: str) -> Response:
        try:
            for offer in self._known():
                if found := offer.ticket(key, peer):
                    seat, password = found
                    return self._json(HTTPStatus.OK, {"seat": seat, "password": password})
        except KvmtuiError as error:
            return self._json(HTTPStatus.BAD_GATEWAY, {"sentence": error.sentence})
        except Exception:
            log.exception("A screen could not be opened")
            return self._json(HTTPStatus.INTERNAL_SERVER_ERROR, {"sentence": _FAULT})
        return self._json(HTTPStatus.GONE, {"sentence": _GONE})

    def _seat(self, visitor: ServerConnection, request: Request, peer: str, host: str) -> Response | None:
        """Lets a websocket through that was opened by our own page and knows its seat."""
        origin = request.headers.get("Origin", "").lower()
        if origin not in (self.url, f"http://{host}".lower()):
            return self._refuse(HTTPStatus.FORBIDDEN, "Only the page of the link may connect.")
        asked = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        secret = next((each.removeprefix("seat.") for each in asked if each.startswith("seat.")), "")
        for offer in self._known():
            if "binary" in asked and offer.seat(secret, peer):
                assert isinstance(visitor, Visitor)
                visitor.offer = offer
                return None
        return self._refuse(HTTPStatus.FORBIDDEN, _GONE)

    def _file(self, name: str) -> Response:
        """One of the page's own files, or a script of noVNC, by its exact name."""
        script = self._scripts.get(name.removeprefix("novnc/")) if name.startswith("novnc/") else None
        if script is not None:
            with suppress(OSError):
                return self._response(HTTPStatus.OK, "js", script.read_text(encoding="utf-8"))
        if name in _ASSETS:
            return self._response(HTTPStatus.OK, name.rpartition(".")[2], page.asset(name))
        return self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _refuse(self, status: HTTPStatus, sentence: str) -> Response:
        return self._response(status, "html", page.refusal(sentence))

    def _json(self, status: HTTPStatus, values: Mapping[str, str]) -> Response:
        return self._response(status, "json", json.dumps(values))

    def _response(self, status: HTTPStatus, kind: str, text: str) -> Response:
        body = text.encode()
        sockets = self.url.replace("http", "ws", 1)
        carried = {**page.headers(kind, sockets), "Content-Length": str(len(body))}
        return Response(status.value, status.phrase, Headers(carried), body)

    def _connected(self, visitor: ServerConnection) -> None:
        offer = visitor.offer if isinstance(visitor, Visitor) else None
        if offer is None or offer.screen is None:
            return
        try:
            well = self._shown(visitor, offer.screen)
            offer.end(well, (_CLOSED if well else _ENDED).format(name=offer.name))
        except KvmtuiError as error:
            offer.end(False, error.sentence)
        except Exception:
            log.exception("A screen ended by a fault")
            offer.end(False, _FAULT)

    def _shown(self, visitor: ServerConnection, screen: ConnectedScreen) -> bool:
        """Shows the screen until one side hangs up; True when that was the browser."""
        well = relay(visitor, screen.connect())
        with suppress(ConnectionClosed):
            visitor.close()
        return well


def _hang_up(visitor: Visitor) -> None:
    with suppress(OSError):
        visitor.socket.shutdown(socket.SHUT_RDWR)


def _listening(settings: ConsoleSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    where = f"{settings.host}:{settings.port}"
    try:
        return socket.create_server((settings.address, settings.port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                f"Links to screens cannot be served: {where} is taken, perhaps by another kvmtui that shows a screen. "
                "Close that one, or set another port (0 is any) in [console] of config.toml."
            ) from None
        raise Refused(
            f"Links to screens cannot be served at {where}: {error.strerror}. Check [console] in config.toml."
        ) from None
