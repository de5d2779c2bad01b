"""HTTP over the TLS socket of our own: one connection to one host, kept open between the calls of one thread."""

from __future__ import annotations

import select
import socket
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection

from .wire import LARGEST_ANSWER, AnswerTooLarge, WireContext

_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: its status, the words of the status line as UTF-8, and the body."""

    status: int
    reason: str
    content: bytes


class HostConnection:
    """The connection of one thread to one host; it is opened by the first call, and again after it was closed.

    Proxies, redirects and cookies do not exist here. Failures are those of the socket, or an HTTPException.
    """

    def __init__(self, context: WireContext, host: str, port: int, connect_timeout: float) -> None:
        self._http = HTTPSConnection(host, port, timeout=connect_timeout, context=context)
        self._in_use = threading.Lock()
        self._ended = False

    def call(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> HttpAnswer:
        """One answer to one request; a failure closes the connection."""
        with self._in_use:
            if _was_closed(self._http.sock):
                self._http.close()
            try:
                self._http.request(method, path, body.encode() or None, headers)
                response = self._http.getresponse()
                content = response.read()
                if response.getheader("Content-Encoding") == "gzip":
                    content = _unpacked(content)
            except BaseException:
                self._http.close()
                raise
        if self._ended:
            self.end()
        reason = response.reason.encode("latin-1", "replace").decode("utf-8", "replace").strip()
        return HttpAnswer(response.status, reason, content)

    def close(self) -> None:
        """The next call opens a fresh connection."""
        self._http.close()

    def end(self) -> None:
        """Close the connection, from any thread: at once, or when the call that uses it ends."""
        self._ended = True
        if self._in_use.acquire(blocking=False):
            self._http.close()
            self._in_use.release()


def _was_closed(kept: socket.socket | None) -> bool:
    """Whether the server has closed a connection between two calls, in which nothing else can arrive."""
    if kept is None:
        return False
    look = select.poll()
    look.register(kept, select.POLLIN)
    return bool(look.poll(0))


def _unpacked(content: bytes) -> bytes:
    """The content of a gzip body, as long as it is not larger than any answer."""
    unpack = zlib.decompressobj(_GZIP)
    try:
        found = unpack.decompress(content, LARGEST_ANSWER)
    except zlib.error as error:
        raise HTTPException(f"its gzip body cannot be read: {error}") from error
    if unpack.unconsumed_tail:
        raise AnswerTooLarge(f"the answer is longer than {LARGEST_ANSWER} bytes")
    return found
