"""An HTTP server that receives webhooks in its own thread and responds as configured."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Taken:
    """A request as it arrived."""

    headers: dict[str, str]
    body: str
    path: str

    @property
    def message(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]


@dataclass
class Endpoint:
    """The server: what arrived, and the statuses of the next answers; after them it answers 200."""

    port: int
    scheme: str = "http"
    taken: list[Taken] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    before: Callable[[Taken], None] = lambda taken: None

    def url(self, host: str = "127.0.0.1") -> str:
        """Where it is."""
        return f"{self.scheme}://{host}:{self.port}/hooks?shop=1"

    def types(self) -> list[str]:
        """The types that arrived, in order."""
        return [each.message["type"] for each in self.taken]


@contextmanager
def endpoint(tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    """A server on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            one = Taken({name.lower(): value for name, value in self.headers.items()}, body, self.path)
            found.taken.append(one)
            found.before(one)
            status = found.answers.pop(0) if found.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", found.url())
            self.send_header("content-length", "0" if status < 400 else "4")
            self.end_headers()
            self.wfile.write(b"" if status < 400 else b"oops")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    found = Endpoint(server.server_address[1], "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
