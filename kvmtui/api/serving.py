"""Serves the API from a thread of its own: sockets, TLS, restarts after a crash, a graceful end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.errors import Refused
from kvmtui.api.app import create
from kvmtui.api.settings import ApiSettings, address_of

log = logging.getLogger("kvmtui.api")
_FIRST_PASSED = 3  # systemd's first socket
_HEADERS_S = 15.0  # for the headers of a new connection
_KEEP_ALIVE_S = 30
_GRACE_S = 5
_HEADER_BYTES = 32 * 1024
_BACKLOG = 512


class Connection(H11Protocol):
    """A connection that is closed when its first request does not arrive in time."""

    def connection_made(self, transport: Any) -> None:
        """Begin to count."""
        super().connection_made(transport)
        self.loop.call_later(_HEADERS_S, self._hurry)

    def _hurry(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


class ApiServer:
    """The API of the open site, at an address or at the socket systemd passed."""

    def __init__(self, settings: ApiSettings, listen: str, say: Callable[[str], None] = log.info) -> None:
        self._settings, self._say = settings, say
        self._tls = _tls(settings)
        passed = _passed()
        self._socket = passed or _bound(listen)
        host, port = self._socket.getsockname()[:2]
        scheme = "https" if self._tls else "http"
        self._listen = f"{f'[{host}]' if ':' in host else host}:{port}"
        self.url = f"{scheme}://{self._listen}"
        if passed is not None:
            self._refuse_clear()
        self._stop = threading.Event()
        self._server: uvicorn.Server | None = None
        self._app: Any = None
        self._thread = threading.Thread(target=self._serve, name="kvmtui-api", daemon=True)

    def _refuse_clear(self) -> None:
        """The address of a passed socket is written in its unit, where no setting of ours was checked against it."""
        try:
            self._settings.refuse_clear(self._listen)
        except ValueError as error:
            self._socket.close()
            raise Refused(
                f"The API was not started on the socket that systemd passed: {error}. "
                "By default ListenStream= with a port alone is every address; write 127.0.0.1:PORT."
            ) from None

    def start(self) -> None:
        """Begin to serve; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = _GRACE_S + 2.0) -> bool:
        """End streams, let requests end, close; True when that took no longer than `timeout`."""
        self._stop.set()
        app, server = self._app, self._server
        if app is not None:
            app.state.hub.close()
        if server is not None:
            server.should_exit = True
        self._thread.join(timeout)
        self._socket.close()
        return not self._thread.is_alive()

    def _serve(self) -> None:
        pause = 1.0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._once()
            except BaseException:
                log.exception("The API server crashed")
            if self._stop.is_set():
                return
            pause = 1.0 if time.monotonic() - began > 60 else min(pause * 2, 30.0)
            self._say(f"The API server ended unexpectedly; restarting it in {pause:.0f} s")
            self._stop.wait(pause)

    def _once(self) -> None:
        self._app = create(self._settings, self._listen)
        config = uvicorn.Config(
            self._app,
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            h11_max_incomplete_event_size=_HEADER_BYTES,
        )
        config.load()
        config.ssl = self._tls
        gc.collect()
        gc.freeze()  # the program itself is never garbage: a full collection need not walk over it
        self._server = uvicorn.Server(config)
        if not self._stop.is_set():
            asyncio.run(self._server.serve([self._socket.dup()]))


def _tls(settings: ApiSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise Refused(
            f"The API's certificate {settings.tls_cert} or its key cannot be used: {error}. "
            "Correct tls_cert and tls_key in [api] of config.toml."
        ) from error
    return context


def _passed() -> socket.socket | None:
    """The socket that systemd passed to this process, if any."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not os.environ.get("LISTEN_FDS", "0").isdigit():
        return None
    if int(os.environ["LISTEN_FDS"]) < 1:
        return None
    passed = socket.socket(fileno=_FIRST_PASSED)
    if passed.family not in (socket.AF_INET, socket.AF_INET6):
        passed.close()
        raise Refused(
            "The socket that systemd passed is not TCP. Write ListenStream=127.0.0.1:PORT in its unit."
        )
    passed.setblocking(False)
    os.set_inheritable(_FIRST_PASSED, False)
    return passed


def _bound(listen: str) -> socket.socket:
    try:
        host, port = address_of(listen)
    except ValueError as error:
        raise Refused(f"The API cannot listen: {error}.") from None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio sets no TCP_NODELAY
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise Refused(
            f"The API cannot listen on {listen}: {error.strerror}. Stop what uses it, or give another ADDRESS:PORT."
        ) from error
    return made
