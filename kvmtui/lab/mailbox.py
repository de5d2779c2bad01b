"""A mail server that keeps what it is given and sends nothing on: for the demo and the tests.

Its next answer to a command can be laid down, or that it hangs up instead, as faults of the cluster can.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from email import message_from_string, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP

HANG_UP = ""
_GOOD = {"MAIL": "250 OK", "RCPT": "250 OK", "DATA": "250 2.0.0 kept"}
_START_S = 10.0
logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd writes every line of every mail there


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as the server took it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, taken apart."""
        return message_from_string(self.content.decode("utf-8", "surrogateescape"), policy=policy.default)


class Mailbox:
    """`with Mailbox() as box:` serves at 127.0.0.1 and `box.port` until the block ends.

    `tls` speaks TLS from the first byte; the other options are those of aiosmtpd's SMTP.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.received: list[Received] = []
        self.port = 0
        self._tls = tls
        self._options = {"hostname": "mailbox", "enable_SMTPUTF8": True, **options}
        self._next: defaultdict[str, deque[str]] = defaultdict(deque)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="mailbox", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise OSError("the mailbox did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None and self._stop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_S)

    def answer_next(self, command: str, *answers: str) -> None:
        """The next answers to MAIL, RCPT or DATA; `HANG_UP` ends the connection without one."""
        self._next[command].extend(answers)

    async def handle_MAIL(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Called by aiosmtpd for MAIL FROM."""
        answer = self._answer("MAIL", server)
        if answer.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Called by aiosmtpd for RCPT TO."""
        answer = self._answer("RCPT", server)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        """Called by aiosmtpd with the whole mail, which is kept unless it is refused."""
        answer = self._answer("DATA", server)
        if not answer.startswith(("4", "5")):
            content = envelope.original_content or b""
            self.received.append(Received(envelope.mail_from, tuple(envelope.rcpt_tos), content))
        return answer

    def _answer(self, command: str, server: SMTP) -> str:
        laid_down = self._next[command]
        answer = laid_down.popleft() if laid_down else _GOOD[command]
        if answer == HANG_UP and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return answer

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await loop.create_server(
            lambda: SMTP(self, loop=loop, **self._options), "127.0.0.1", 0, ssl=self._tls
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
