"""A small HTTP server on the loopback, with the faults that a provider can have."""

from __future__ import annotations

import json
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class FakeRequest:
    """One request as the fake sees it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class FakeResponse:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, content: Any, headers: tuple[tuple[str, str], ...] = ()) -> FakeResponse:
    """An answer with a JSON body."""
    return FakeResponse(
        status, json.dumps(content).encode(), (("Content-Type", "application/json"), *headers)
    )


@dataclass(slots=True)
class DnsFaults:
    """What goes wrong, changed while the server runs.

    `latency` delays each answer; `next` holds answers given instead of the real ones; `half_open` takes
    requests and says nothing; `drip` sends the body a byte at a time; more than `most_at_once` requests in
    flight get a 500; `lose_answers` carries out that many requests and then breaks the connection.
    """

    latency: float = 0.0
    next: deque[FakeResponse] = field(default_factory=deque)
    half_open: bool = False
    drip: float = 0.0
    most_at_once: int = 0
    lose_answers: int = 0


class FakeServer(ABC):
    """Serves one fake provider; a context manager that leaves nothing running."""

    close_each = False  # whether every answer ends its connection

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self.faults = DnsFaults()
        self.requests: list[FakeRequest] = []
        self._stopping = threading.Event()
        self._in_flight = 0
        self._count = threading.Lock()
        self._sockets: set[socket] = set()
        self._http = _Listener(("127.0.0.1", 0), _handler_for(self))
        self._tls = ssl_context is not None
        if ssl_context is not None:
            self._http.socket = ssl_context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> FakeServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the server and every connection to it."""
        self._stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        with self._count:
            sockets = list(self._sockets)
        for sock in sockets:
            try:
                sock.shutdown(SHUT_RDWR)
            except OSError:
                continue  # it was closed already

    def _serve(self) -> None:
        self._http.serve_forever(poll_interval=0.02)

    @abstractmethod
    def answer(self, request: FakeRequest) -> FakeResponse:
        """What this provider says to a request."""

    def busy_answer(self) -> FakeResponse:
        """What this provider says when it has too much to do."""
        return FakeResponse(500, b"Internal Server Error")

    def handle(self, request: FakeRequest) -> FakeResponse | None:
        """The answer with the faults on top; None breaks the connection."""
        self.requests.append(request)
        if self.faults.half_open:
            self._stopping.wait()
            return None
        with self._count:
            self._in_flight += 1
            busy = 0 < self.faults.most_at_once < self._in_flight
        try:
            if self.faults.latency:
                self._stopping.wait(self.faults.latency)
            if self.faults.next:
                return self.faults.next.popleft()
            if busy:
                return self.busy_answer()
            reply = self.answer(request)
        finally:
            with self._count:
                self._in_flight -= 1
        if self.faults.lose_answers:
            self.faults.lose_answers -= 1
            return None
        return reply

    def opened(self, sock: socket) -> None:
        """Remembers a connection, to end it with the server."""
        with self._count:
            self._sockets.add(sock)

    def closed(self, sock: socket) -> None:
        """Forgets a connection."""
        with self._count:
            self._sockets.discard(sock)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away or refuse the certificate are part of the game."""


def _handler_for(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "nginx"
        sys_version = ""
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.opened(self.connection)

        def finish(self) -> None:
            server.closed(self.connection)
            super().finish()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
            """Says nothing: the fake's owner reads `requests`."""

        def _answer(self) -> None:
            reply = server.handle(self._request())
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            if server.close_each:
                self.send_header("Connection", "close")
            self.end_headers()
            self._send(reply.body)

        def _request(self) -> FakeRequest:
            parts = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            return FakeRequest(self.command, parts.path, query, headers, body)

        def _send(self, body: bytes) -> None:
            if not server.faults.drip:
                self.wfile.write(body)
                return
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                time.sleep(server.faults.drip)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    return Handler
