"""One thread's conversation with one API host: proxmoxer, with a guard on both sides of it.

Going out: the whole call has a deadline, and a call that must not happen twice gets a fresh connection when the old one
may be stale. Coming back: every answer is judged here, because proxmoxer would pass HTML as a success, drop Proxmox's
own message, and raise KeyError on a missing `data`.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPException, IncompleteRead, responses
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from proxmoxer.core import ProxmoxResource

from .access import ServerAccess
from .answers import ProxmoxAnswer
from .api_request import ApiRequest
from .auth import TicketAuth, auth_for
from .connection import HostConnection, HttpAnswer
from .fault_table import FaultKind
from .faults import Attempt, ProxmoxError, answer_fault, broken_call, odd_answer, untrusted
from .login import Login, Ticket
from .wire import tls_context

IDLE_LIMIT = 4.0  # pveproxy closes an idle connection after five seconds
_ROOT = "/api2/json/"
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "kvmtui"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# it would log whole requests, passwords included; lowering its level has no effect
logging.getLogger("proxmoxer.core").addFilter(lambda record: record.levelno >= logging.WARNING)


class _Guard:
    """What proxmoxer takes for its session and serializer: it speaks through our wire and judges each answer."""

    def __init__(self, connection: HostConnection, auth: Any) -> None:
        self._connection, self._auth = connection, auth
        self.attempt: Attempt | None = None
        self._data: Any = None

    def request(
        self, method: str, url: str, params: Mapping[str, Any] | None, data: Mapping[str, Any] | None
    ) -> Any:
        """Send the request of a ProxmoxResource, whose URL is a path here."""
        assert self.attempt is not None
        body = urlencode(data or {})
        headers = {**_HEADERS, **self._auth.headers(changing=method != "GET")}
        if method != "GET":
            headers |= {"Content-Length": str(len(body)), **(_FORM if body else {})}
        path = f"{url}?{urlencode(params)}" if params else url
        answer = self._connection.call(method, path, body, headers)
        self._data = judge(answer, self.attempt)
        return SimpleNamespace(
            status_code=200, content=b""
        )  # all that is left to decide is that it was a success

    def loads(self, _: Any) -> Any:
        """The data of the answer that was judged last."""
        return self._data


def judge(answer: HttpAnswer, attempt: Attempt) -> Any:
    """The `data` of a success; raises when this is none, or holds no data."""
    body, status = _json(answer.content), answer.status
    if status >= 300:
        errors = body.get("errors") if body else None
        details = {str(k): str(v) for k, v in errors.items()} if isinstance(errors, dict) else None
        raise answer_fault(attempt, status, _said(answer, body), details)
    if body is None:
        raise odd_answer(attempt, "it is not JSON", status)
    if "data" not in body:
        raise odd_answer(attempt, "it holds no data", status)
    return body["data"]


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _said(answer: HttpAnswer, body: dict[str, Any] | None) -> str:
    """Proxmox's own sentence: the reason phrase holds its first line, `message` (since 8.3) all of it."""
    reason = answer.reason
    message = (body or {}).get("message")
    message = message.strip() if isinstance(message, str) else ""
    if message and (message.startswith(reason) or reason == responses.get(answer.status)):
        return message
    return f"{reason} {message}".strip()


class HostSession:
    """Speaks to one API host for one thread."""

    def __init__(self, access: ServerAccess, host: str, login: Login | None, count: Any) -> None:
        self.access = access
        self.host = host
        self.auth = auth_for(access)
        self._login = login
        self._count = count
        self._wire = tls_context(access.tls)
        self._connection = HostConnection(self._wire, host, access.port, access.connect_timeout)
        self._guard = _Guard(self._connection, self.auth)
        self._last_used: float | None = None

    def exchange(self, request: ApiRequest) -> ProxmoxAnswer:
        """One answer to one request; logs in again and replays only what was refused for a dead ticket."""
        self._sign()
        try:
            return self._exchange(request)
        except ProxmoxError as fault:
            if fault.status != 401 or self._login is None:
                raise
        assert isinstance(self.auth, TicketAuth)
        if self.auth.ticket:
            self._login.bury(self.auth.ticket)
        self._sign()
        return self._exchange(request)

    @property
    def certificate(self) -> tuple[float, bytes] | None:
        """When the newest handshake was, and the certificate (DER) that the host showed; None before the first."""
        shown = self._wire.certificate
        return None if shown is None else (self._wire.shaken_at, shown)

    def close(self) -> None:
        """Closes the connection; a call that uses it ends first."""
        self._connection.end()

    def _sign(self) -> None:
        if self._login is not None:
            assert isinstance(self.auth, TicketAuth)
            self.auth.ticket = self._login.ticket(self._ask_ticket)

    def _ask_ticket(self) -> Ticket:
        assert self._login is not None
        assert isinstance(self.auth, TicketAuth)
        self.auth.ticket = None
        request = ApiRequest(
            "POST",
            ("access", "ticket"),
            f"Logging in as {self._login.user}",
            {"username": self._login.user, "password": self._login.password},
        )
        try:
            answer = self._exchange(request)
        except ProxmoxError as fault:
            # Whatever became of the login, the call it was for has not been sent.
            fault.sent = fault.kind is FaultKind.AUTH
            raise
        data = answer.mapping()
        if data.get("NeedTFA"):
            sentence = (
                f"Logging in as {self._login.user} failed: {self.access.name} asks for a second factor. "
                "Use an API token for this console."
            )
            raise ProxmoxError(FaultKind.AUTH, sentence, reason="second_factor")
        ticket, csrf = data.get("ticket"), data.get("CSRFPreventionToken")
        if not isinstance(ticket, str) or not isinstance(csrf, str):
            raise odd_answer(answer.attempt, "it holds no ticket")
        return Ticket(ticket, csrf)

    def _exchange(self, request: ApiRequest) -> ProxmoxAnswer:
        idle = None if self._last_used is None else time.monotonic() - self._last_used
        if request.changing and idle is not None and idle > IDLE_LIMIT:
            self._connection.close()
            idle = None
        attempt = Attempt(
            request.what, self.access.name, self.host, request.changing, self.access.login, request.needs
        )
        try:
            return self._once(request, attempt)
        except _Dropped as dropped:
            # A kept connection that died between two reads says nothing about the server: ask once more.
            if idle is None or request.changing:
                raise dropped.fault from dropped.__cause__
        except ProxmoxError as fault:
            if fault.status is not None and fault.status >= 400:
                self._connection.close()  # Proxmox closes a connection after an error
            raise
        self._connection.close()
        try:
            return self._once(request, attempt)
        except _Dropped as dropped:
            raise dropped.fault from dropped.__cause__

    def _once(self, request: ApiRequest, attempt: Attempt) -> ProxmoxAnswer:
        self._guard.attempt = attempt
        budget = self.access.read_budget(changing=request.changing, heavy=request.heavy)
        self._wire.begin(budget)
        self._count(request.node)
        url = _ROOT + request.url_path
        resource = ProxmoxResource(base_url=url, session=self._guard, serializer=self._guard)
        verb = getattr(resource, request.method.lower())
        try:
            data = verb(**request.params)
        except (OSError, HTTPException) as error:
            raise self._sorted(attempt, error, budget) from error
        finally:
            self._last_used = time.monotonic()
            self._wire.end()
        return ProxmoxAnswer(data, attempt)

    def _sorted(self, attempt: Attempt, error: Exception, budget: float) -> Exception:
        sent = self._wire.sent
        if not sent and isinstance(error, ssl.SSLCertVerificationError):
            return untrusted(
                attempt, error.verify_message if hasattr(error, "verify_message") else str(error)
            )
        if isinstance(error, TimeoutError):
            seconds = budget if sent else self.access.connect_timeout
            return broken_call(attempt, f"no complete answer within {seconds:g} s", sent=sent)
        fault = broken_call(attempt, _cause(error), sent=sent)
        return _Dropped(fault) if sent else fault


class _Dropped(Exception):
    """The connection broke after the request was sent, without any timeout."""

    def __init__(self, fault: ProxmoxError) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


def _cause(error: Exception) -> str:
    """The reason, in the words of the operating system where it has any."""
    if isinstance(error, ssl.SSLError):
        return f"it does not speak TLS as expected ({error.reason or error})"
    if isinstance(error, IncompleteRead):
        return f"the answer ended after {len(error.partial)} bytes"
    return getattr(error, "strerror", None) or str(error) or "the connection was closed"
