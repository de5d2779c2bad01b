"""Billing systems: a PHP process that loads a module as the shop does, and a proxy between it and the API."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CONTRIB = Path(__file__).parents[2] / "contrib"
HARNESS = Path(__file__).parent / "harness"
PASSWORD = "Passw0rd-of-shop"


def php() -> str:
    """The php program; a test that needs it is skipped without, unless the gate requires it."""
    program = shutil.which("php")
    if program is not None:
        loaded = subprocess.run([program, "-m"], capture_output=True, text=True, check=True).stdout.split()
        if {"curl", "json"} <= set(loaded):
            return program
    if os.environ.get("KVMTUI_REQUIRE_PHP") == "1":
        pytest.fail("php with curl is missing: apt install php-cli php-curl")
    pytest.skip("needs php with curl: apt install php-cli php-curl")


class Failed(Exception):
    """What a module threw."""


@dataclass
class Host:
    """A shop: its process, its database, and all it logged or showed."""

    name: str
    state: Path
    secrets: tuple[str, ...]
    process: subprocess.Popen[str] | None = None
    logged: list[dict[str, Any]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    tables: dict[str, Any] = field(default_factory=dict)

    def call(self, name: str, **given: Any) -> Any:
        """What the module answers; Failed with what it throws."""
        self.send(name, **given)
        assert self.process is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"php died in {name}: {self.errors()}"
        answer = json.loads(line)
        self.logged += answer["said"]
        self.tables = answer["tables"]
        self.shown.append(json.dumps(answer.get("message", "")))
        if "thrown" in answer:
            raise Failed(f"{answer['thrown']}: {answer['message']}")
        return answer["result"]

    def send(self, name: str, **given: Any) -> None:
        """Begin a call, without waiting for its answer."""
        if self.process is None:
            command = [php(), str(HARNESS / "serve.php"), self.name, str(self.state)]
            errors = self.state.with_suffix(".err").open("a")
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"name": name, **given}) + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End the process at once, as a web server does with a script that takes too long."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self._gone()

    def stop(self) -> None:
        """End it; nothing it logged, stored or showed may hold a secret."""
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self._gone()
        kept = [json.dumps(each) for each in self.logged_without_lists()] + self.shown + [self.errors()]
        kept += [each.read_text() for each in self.state.parent.rglob("*") if each.is_file()]
        for secret in self.secrets:
            assert not any(secret in text for text in kept), "a secret was logged or stored"
        assert not any("Authorization" in text for text in kept)

    def logged_without_lists(self) -> list[dict[str, Any]]:
        """What was logged, without the lists of what the shop has to replace."""
        return [{name: value for name, value in each.items() if name != "replace"} for each in self.logged]

    def errors(self) -> str:
        """What php complained of."""
        return self.state.with_suffix(".err").read_text() if self.state.with_suffix(".err").exists() else ""

    def _gone(self) -> None:
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None


@dataclass(frozen=True)
class Seen:
    """A call that reached the proxy."""

    method: str
    path: str
    key: str
    body: Any


@dataclass
class Proxy:
    """A server in front of the API that loses, delays or forges responses on request."""

    target: str
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    faults: list[tuple[str, Callable[[Handler], None]]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)

    def fault(self, call: str, how: Callable[[Handler], None], times: int = 1) -> None:
        """Let the next calls that match do something else than be forwarded."""
        self.faults += [(call, how)] * times

    def keys(self, call: str) -> list[str]:
        """The Idempotency-Keys of the calls that match, in order."""
        return [each.key for each in self.seen if re.search(call, f"{each.method} {each.path}")]

    def take(self, seen: Seen) -> Callable[[Handler], None] | None:
        """The fault for a call, which is then used up."""
        for place, (call, how) in enumerate(self.faults):
            if re.search(call, f"{seen.method} {seen.path}"):
                del self.faults[place]
                return how
        return None


class Handler(BaseHTTPRequestHandler):
    """One connection to the proxy."""

    proxy: Proxy
    protocol_version = "HTTP/1.1"
    body = b""

    def _any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        key = self.headers.get("idempotency-key", "")
        seen = Seen(self.command, self.path, key, json.loads(self.body) if self.body else None)
        self.proxy.seen.append(seen)
        how = self.proxy.take(seen)
        (how or forwarded)(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the API answers."""
        target = urlsplit(self.proxy.target)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host",)}
        connection.request(self.command, self.path, self.body or None, kept)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        skipped = ("content-length", "connection", "transfer-encoding")
        return (
            answer.status,
            [pair for pair in answer.getheaders() if pair[0].lower() not in skipped],
            data,
        )

    def give(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        """Answer the shop."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def forwarded(handler: Handler) -> None:
    """Pass the call on and its answer back."""
    handler.give(*handler.forward())


def lost(handler: Handler) -> None:
    """Pass the call on; the answer is lost."""
    handler.forward()
    handler.close_connection = True


def dropped(handler: Handler) -> None:
    """The call is lost on its way."""
    handler.close_connection = True


def stuck(handler: Handler) -> None:
    """Pass the call on; no answer comes until the test ends."""
    handler.forward()
    handler.proxy.reached.set()
    handler.proxy.free.wait(30)
    handler.close_connection = True


def says(status: int, document: Any = None, **headers: str) -> Callable[[Handler], None]:
    """An answer of the API, or of something before it that knows only HTML."""

    def how(handler: Handler) -> None:
        if document is None:
            handler.give(status, [("Content-Type", "text/html")], b"<html>Bad Gateway</html>")
            return
        kind = "application/json" if status < 400 else "application/problem+json"
        more = [(name.replace("_", "-"), value) for name, value in headers.items()]
        handler.give(status, [("Content-Type", kind), *more], json.dumps(document).encode())

    return how


def problem(status: int, detail: str, **headers: str) -> Callable[[Handler], None]:
    """A problem document of the API."""
    return says(
        status, {"type": "about:blank", "title": "Problem", "status": status, "detail": detail}, **headers
    )


@contextmanager
def proxied(target: str) -> Iterator[Proxy]:
    """A proxy before a server."""
    proxy = Proxy(target)
    handler = type("Bound", (Handler,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.free.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def whmcs_params(port: int, token: str, service: int, **more: Any) -> dict[str, Any]:
    """The parameters of a call, as the developer documentation of WHMCS lists them."""
    options = {f"configoption{place}": "" for place in range(1, 25)}
    made = {
        "serviceid": service,
        "userid": 7,
        "pid": 3,
        "serverid": 1,
        "domain": "",
        "username": "",
        "password": PASSWORD,
        "producttype": "server",
        "moduletype": "kvmtui",
        **options,
        "configoption1": "VPS-2",
        "configoptions": {},
        "customfields": {},
        "clientsdetails": {
            "userid": 7,
            "firstname": "Jo",
            "lastname": "O&#039;Client",
            "companyname": "",
            "email": "jo@client.example",
            "language": "german",
        },
        "server": True,
        "serverip": "",
        "serverhostname": "127.0.0.1",
        "serverusername": "",
        "serverpassword": "",
        "serveraccesshash": token,
        "serversecure": "",
        "serverhttpprefix": "http",
        "serverport": str(port),
    }
    return made | more


def hosting(*services: int) -> dict[str, Any]:
    """A database of WHMCS with these services."""
    rows = [{"id": each, "server": 1, "username": "", "domain": "", "dedicatedip": ""} for each in services]
    return {"tblhosting": rows}
