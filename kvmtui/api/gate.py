"""What every request passes first: limits of size and time, smuggling, a request id, the access log."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kvmtui.api.peers import Networks, client_of
from kvmtui.api.problems import of_unexpected, problem

log = logging.getLogger("kvmtui.api.access")
Refusal = tuple[int, str]
LARGEST = 1024 * 1024
BODY_SECONDS = 30.0
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LINK = "/client/enter/"
_UNSAFE = re.compile(rb"%00", re.IGNORECASE)
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class Gate:
    """Reads the body within its limits before the application sees the request, and logs the answer."""

    def __init__(self, app: ASGIApp, proxies: Networks, counted: Any = None) -> None:
        self._app, self._proxies, self._counted = app, proxies, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state.update(request_id=request_id, address=client_of(scope, self._proxies), token="-")  # noqa: S106
        answered = 0

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in _HEADERS if name not in given),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            refusal = _refusal(scope)
            body, refusal = (b"", refusal) if refusal else await _body(scope, receive)
            if refusal:
                await problem(*refusal, headers={"Connection": "close"})(scope, receive, answer)
            else:
                await self._app(scope, _replay(body, receive), answer)
        except Exception as error:  # noqa: BLE001 - the last place: no traceback leaves the server
            unexpected = of_unexpected(error, request_id)
            if not answered:
                await unexpected(scope, receive, answer)
        finally:
            seconds = time.monotonic() - began
            if self._counted is not None:
                self._counted(scope, answered, seconds)
            log.info(
                "%s %s %s %d %.0f ms token %s id %s",
                state["address"],
                scope["method"],
                _path(scope),
                answered,
                seconds * 1000,
                state["token"],
                request_id,
            )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode())
    return secrets.token_hex(8)


def _path(scope: Scope) -> str:
    """The path without its query and without the secret of a link, unable to break a line of the log."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if _LINK in scope["path"]:
        return f"{_LINK}..."
    return "".join(chr(each) if 32 < each < 127 else f"%{each:02X}" for each in raw[:200])


def _refusal(scope: Scope) -> Refusal | None:
    names = [name for name, _ in scope["headers"]]
    if names.count(b"content-length") + names.count(b"transfer-encoding") > 1:
        return 400, "The request states its length more than once. Send Content-Length or Transfer-Encoding."
    if names.count(b"host") > 1:
        return 400, "The request has more than one Host header."
    raw = (scope.get("raw_path") or b"") + b"?" + scope.get("query_string", b"")
    if _UNSAFE.search(raw):
        return 422, "The path or query contains a NUL character."
    return None


async def _body(scope: Scope, receive: Receive) -> tuple[bytes, Refusal | None]:
    """The whole body, or why it is refused."""
    too_large = 413, f"The body is larger than {LARGEST // 1024} KiB."
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not length.isdigit() or int(length) > LARGEST:
        return b"", too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return b"", (400, "The connection was closed before the whole request was received.")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > LARGEST:
                    return b"", too_large
                if not message.get("more_body"):
                    return b"".join(parts), None
    except TimeoutError:
        return b"", (408, f"The body was not received within {BODY_SECONDS:.0f} s.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then what comes after it: the disconnect."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
