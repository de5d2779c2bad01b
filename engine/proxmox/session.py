"""One thread's conversation with one API host: proxmoxer, with a guard on both sides of it.

Going out: environment proxies and redirects are off, the whole call has a deadline, a call that must not happen twice
gets a fresh connection when the old one may be stale. Coming back: every answer is judged here, because proxmoxer
would pass HTML as a success, drop Proxmox's own message, and raise KeyError on a missing `data`.

It is imported with the first call: `requests` and what it needs take 5 MB and a tenth of a second.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from http.client import responses
from typing import Any
from urllib.parse import urlencode

import requests
from proxmoxer.backends.https import JsonSerializer, ProxmoxHttpSession
from proxmoxer.core import ProxmoxResource
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError

from engine.redact import RedactingFilter

from .access import ServerAccess
from .adapter import WireAdapter
from .answers import ProxmoxAnswer
from .api_request import ApiRequest
from .auth import TicketAuth, auth_for
from .fault_table import FaultKind
from .faults import Attempt, ProxmoxError, answer_fault, broken_call, odd_answer, untrusted
from .login import Login, Ticket
from .wire import DeadlinePassed, tls_context

IDLE_LIMIT = 4.0  # pveproxy closes an idle connection after five seconds


class _NothingBelowWarning(logging.Filter):
    """proxmoxer writes whole requests, passwords included, at INFO and DEBUG; lowering its level has no effect."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


for _name in ("proxmoxer.core", "proxmoxer.backends.https"):
    logging.getLogger(_name).addFilter(_NothingBelowWarning())
    logging.getLogger(_name).addFilter(RedactingFilter())


class _GuardedSession(ProxmoxHttpSession):
    """proxmoxer's session, made to speak through our wire and to judge each answer before proxmoxer sees it."""

    def __init__(self, adapter: BaseAdapter, auth: Any, connect_timeout: float, base: str) -> None:
        super().__init__()
        self.trust_env = False
        self.auth = auth
        self.adapters.clear()
        self.mount("https://", adapter)
        self.headers["accept"] = JsonSerializer().get_accept_types()
        self._adapter = adapter
        self._given, self._base = base, str(requests.Request("GET", base).prepare().url)
        self.connect_timeout = connect_timeout
        self.budget = 0.0
        self.attempt: Attempt | None = None
        self.data: Any = None  # of the answer that was judged last

    def request(self, method: str, url: str, params: Any = None, data: Any = None, **_ignored: Any) -> Any:
        assert self.attempt is not None
        response = self._adapter.send(
            self._prepared(method, url, params, data),
            timeout=(self.connect_timeout, self.budget),
            verify=False,  # the wire judges the certificate
        )
        self.data = judge(response, self.attempt)
        return response

    def _prepared(self, method: str, url: str, params: Any, data: Any) -> requests.PreparedRequest:
        """The request as `requests` would prepare it, without what no call of ours has: cookies, files, hooks."""
        request = requests.PreparedRequest()
        request.method, request.body = method, None
        request.url = self._base + url.removeprefix(self._given)
        request.headers = self.headers.copy()
        if params:
            request.url += "?" + urlencode(params)
        if data:
            request.body = urlencode(data)
            request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        if method != "GET":
            request.headers["Content-Length"] = str(len(request.body or ""))
        request.headers.update(self.auth.headers())
        return self.auth(request)


class _Judged(JsonSerializer):
    """Hands on what was read when the answer was judged."""

    def __init__(self, session: _GuardedSession) -> None:
        self._session = session

    def loads(self, response: Any) -> Any:
        return self._session.data


def judge(response: requests.Response, attempt: Attempt) -> Any:
    """The `data` of a success; raises when this is none, or holds no data."""
    body = _json(response)
    status = response.status_code
    if status >= 300:
        errors = body.get("errors") if body else None
        details = {str(k): str(v) for k, v in errors.items()} if isinstance(errors, dict) else None
        raise answer_fault(attempt, status, _said(response, body), details)
    if body is None:
        raise odd_answer(attempt, "it is not JSON", status)
    if "data" not in body:
        raise odd_answer(attempt, "it holds no data", status)
    return body["data"]


def _json(response: requests.Response) -> dict[str, Any] | None:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _said(response: requests.Response, body: dict[str, Any] | None) -> str:
    """Proxmox's own sentence: the reason phrase holds its first line, `message` (since 8.3) all of it."""
    reason = str(response.reason or "").encode("latin-1", "replace").decode("utf-8", "replace").strip()
    message = (body or {}).get("message")
    message = message.strip() if isinstance(message, str) else ""
    if message and (message.startswith(reason) or reason == responses.get(response.status_code)):
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
        self._adapter = WireAdapter(self._wire)
        self._last_used: float | None = None
        self._base = f"https://{f'[{host}]' if ':' in host else host}:{access.port}/api2/json"
        self._session = _GuardedSession(self._adapter, self.auth, access.connect_timeout, self._base)
        self._serializer = _Judged(self._session)

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
        """Closes the connection, if there is one."""
        self._session.close()

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
            self._adapter.drop_connections()
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
                self._adapter.drop_connections()  # Proxmox closes a connection after an error
            raise
        self._adapter.drop_connections()
        try:
            return self._once(request, attempt)
        except _Dropped as dropped:
            raise dropped.fault from dropped.__cause__

    def _once(self, request: ApiRequest, attempt: Attempt) -> ProxmoxAnswer:
        session, resource = self._session, self._resource(request)
        session.attempt = attempt
        session.budget = self.access.read_budget(changing=request.changing, heavy=request.heavy)
        self._wire.begin(session.budget)
        self._count(request.node)
        verb = getattr(resource, request.method.lower())
        try:
            data = verb(**request.params)
        except requests.RequestException as error:
            self._adapter.drop_connections()
            raise self._sorted(attempt, error) from error
        finally:
            self._last_used = time.monotonic()
            self._wire.end()
        return ProxmoxAnswer(data, attempt)

    def _resource(self, request: ApiRequest) -> ProxmoxResource:
        url = f"{self._base}/{request.url_path}"
        return ProxmoxResource(base_url=url, session=self._session, serializer=self._serializer)

    def _sorted(self, attempt: Attempt, error: requests.RequestException) -> Exception:
        causes = list(_causes(error))
        sent = self._wire.sent
        if not sent and any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return untrusted(attempt, _certificate_error(causes))
        if any(isinstance(cause, DeadlinePassed | TimeoutError) for cause in causes) or isinstance(
            error, requests.Timeout
        ):
            seconds = self._session.budget if sent else self.access.connect_timeout
            return broken_call(attempt, f"no complete answer within {seconds:g} s", sent=sent)
        fault = broken_call(attempt, _cause(causes), sent=sent)
        return _Dropped(fault) if sent else fault


class _Dropped(Exception):
    """The connection broke after the request was sent, without any timeout."""

    def __init__(self, fault: ProxmoxError) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


def _causes(error: BaseException) -> Any:
    """An exception and everything inside it that led to it."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


def _certificate_error(causes: list[BaseException]) -> str:
    found = next(cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError))
    return getattr(found, "verify_message", "") or str(found.args[-1] if found.args else found)


def _cause(causes: list[BaseException]) -> str:
    """The innermost reason, in the words of the operating system where it has any."""
    for cause in reversed(causes):
        if isinstance(cause, ssl.SSLError):
            return f"it does not speak TLS as expected ({cause.reason or cause})"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    plain = [cause for cause in causes if not isinstance(cause, requests.RequestException | HTTPError)]
    return str(plain[-1]) if plain and str(plain[-1]) else "the connection was closed"
