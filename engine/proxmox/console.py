"""The websocket a console ticket opens: verified like every other call, silent in every log.

What comes back is a plain stream of bytes in both directions. The ticket, the login and the URL that holds them are
shown to nobody: neither to a log, nor in an error.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from .cluster import Cluster
from .fault_table import FaultKind
from .faults import Attempt, ProxmoxError, answer_fault, broken_call, untrusted
from .values import ConsoleTicket

OPEN_SECONDS = 10.0  # Proxmox itself waits no longer for the one connection of a ticket
PING_SECONDS = 20.0
CLOSE_SECONDS = 2.0
LARGEST_MESSAGE = 16 * 1024 * 1024
LARGEST_FRAME = 64 * 1024  # Proxmox closes a connection that sends a frame of more than 128 KiB

T = TypeVar("T")

# The library writes requests with their headers at DEBUG: nobody may see those, whatever the level is.
SILENT = logging.Logger("kvmtui.consoles", logging.CRITICAL + 1)


class ConsoleStream:
    """Bytes to and from one console; safe to read in one thread and to write in another.

    An event loop in a thread of its own does both: TLS that is read and written at the same time breaks.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._ready: Future[ClientConnection] = Future()
        self._lock = threading.Lock()
        self._over = False
        self._loop: asyncio.AbstractEventLoop
        self._hang_up: asyncio.Event
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(url, options)), name="console", daemon=True
        )
        self._thread.start()
        self._connection = self._ready.result()

    def send(self, data: bytes) -> None:
        """Sends bytes, however many; ConnectionError when the line is gone."""
        try:
            for start in range(0, len(data), LARGEST_FRAME):
                self._do(self._connection.send, data[start : start + LARGEST_FRAME])
        except (WebSocketException, OSError) as error:
            raise ConnectionError("the connection to the console is gone") from error

    def receive(self, timeout: float | None = None) -> bytes | None:
        """The next bytes; None when the other side ended it in order, ConnectionError when the line broke."""
        try:
            data = self._do(self._connection.recv, timeout=timeout)
        except ConnectionClosed as closed:
            if closed.rcvd is not None:
                return None
            raise ConnectionError("the connection to the console broke") from closed
        return data.encode() if isinstance(data, str) else bytes(data)

    def close(self) -> None:
        """Hangs up; a line that is gone already is no matter."""
        with self._lock:
            if not self._over:
                self._over = True
                self._loop.call_soon_threadsafe(self._hang_up.set)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _do(
        self, what: Callable[..., Coroutine[Any, Any, T]], *words: Any, timeout: float | None = None
    ) -> T:
        """Does it in the loop and waits for it."""
        with self._lock:
            if self._over:
                raise ConnectionError("the connection to the console is closed")
            future = asyncio.run_coroutine_threadsafe(what(*words), self._loop)
        try:
            return future.result(timeout)
        except CancelledError:
            raise ConnectionError("the connection to the console is closed") from None
        except TimeoutError:
            future.cancel()
            raise

    async def _serve(self, url: str, options: Mapping[str, Any]) -> None:
        """Opens the connection and keeps it until one side closes it."""
        self._loop, self._hang_up = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with connect(url, **options) as connection:
                _keep_alive(connection.transport.get_extra_info("socket"))
                self._ready.set_result(connection)
                await self._hang_up.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)


def open_stream(cluster: Cluster, ticket: ConsoleTicket, what: str) -> ConsoleStream:
    """Takes the seat of a ticket, at the host that gave it; `what` begins the sentence of a failure."""
    attempt = Attempt(what, cluster.name, ticket.host, changing=False)
    options = {
        "ssl": cluster.tls_context(),
        "additional_headers": dict(ticket.headers),
        "subprotocols": [Subprotocol("binary")],
        "compression": None,
        "proxy": None,
        "user_agent_header": None,
        "open_timeout": OPEN_SECONDS,
        "ping_interval": PING_SECONDS,
        "ping_timeout": PING_SECONDS,
        "close_timeout": CLOSE_SECONDS,
        "max_size": LARGEST_MESSAGE,
        "logger": SILENT,
    }
    try:
        return ConsoleStream(ticket.url, options)
    except ssl.SSLCertVerificationError as error:
        raise untrusted(attempt, _trust_error(error)) from None
    except InvalidStatus as error:
        raise _refused(attempt, error) from None
    except (InvalidHandshake, TimeoutError, OSError, EOFError) as error:
        raise broken_call(attempt, _cause(error), sent=_was_sent(error)) from None


def _refused(attempt: Attempt, error: InvalidStatus) -> ProxmoxError:
    status, reason = error.response.status_code, error.response.reason_phrase
    if status == 401:
        sentence = (
            f"{attempt.what} failed: {attempt.server} ({attempt.host}) no longer accepts its own ticket "
            f"(“{reason}”). A console's ticket is valid for seconds: check that the clocks of the nodes agree, and "
            "open the console again. API tokens may open consoles since libpve-access-control 8.2.3 (Proxmox VE 8.4)."
        )
        return ProxmoxError(FaultKind.AUTH, sentence, reason="ticket_refused", said=reason, status=status)
    return answer_fault(attempt, status, reason)


def _trust_error(error: ssl.SSLCertVerificationError) -> str:
    return getattr(error, "verify_message", "") or str(error.args[-1] if error.args else error)


def _cause(error: Exception) -> str:
    """The failure in words that hold no URL."""
    if isinstance(error, TimeoutError):
        return f"no answer within {OPEN_SECONDS:g} s"
    if isinstance(error, ssl.SSLError):
        return f"it does not speak TLS as expected ({error.reason or 'no reason given'})"
    return getattr(error, "strerror", None) or "the connection was closed before the console opened"


def _was_sent(error: Exception) -> bool:
    """Whether the request went out: what fails in the socket fails before it, what fails in HTTP after it."""
    return isinstance(error, InvalidHandshake | EOFError)


def _keep_alive(line: socket.socket) -> None:
    """Lets the kernel notice a line that died without a word."""
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
