"""Signs a message as Standard Webhooks says, and sends it once: to the address that was checked, within a deadline."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import ssl
import threading
import time
from dataclasses import dataclass
from functools import lru_cache

from engine.redact import redact
from engine.tls import system_context
from engine.webhooks.address import Target, Unreachable, resolve

PREFIX = "whsec_"
CONNECT_S, READ_S, TOTAL_S = 5.0, 10.0, 15.0
_SHOWN = 300  # characters of an answer that is kept


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """What is sent, and with which secret it is signed."""

    uid: str
    body: str
    secret: str


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What the endpoint answered: its HTTP status, or none with the reason."""

    status: int | None
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether the message was taken."""
        return self.status is not None and 200 <= self.status < 300


def new_secret() -> str:
    """A signing secret of 192 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def headers(message: Message, now: int) -> dict[str, str]:
    """The headers of Standard Webhooks for an attempt at this second."""
    signed = f"{message.uid}.{now}.{message.body}".encode()
    key = base64.b64decode(message.secret.removeprefix(PREFIX))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message.uid,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{signature}",
        "content-type": "application/json",
        "user-agent": "kvmtui",
    }


def post(wanted: Target, message: Message, allow_private: bool) -> WebhookAnswer:
    """Send a message once. Redirects are not followed and proxies of the environment are not used."""
    import httpx

    try:
        address = resolve(wanted, allow_private)
    except Unreachable as error:
        return WebhookAnswer(None, str(error))
    host = f"[{address}]" if ":" in address else address
    url = f"{wanted.scheme}://{host}:{wanted.port}{wanted.path}"
    about = {**headers(message, int(time.time())), "host": wanted.authority}
    client = httpx.Client(
        verify=_tls(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
    )
    # an endpoint that sends a byte at a time keeps a read alive, but not beyond this
    deadline = threading.Timer(TOTAL_S, client.close)
    deadline.daemon = True
    deadline.start()
    try:
        request = client.build_request("POST", url, content=message.body.encode(), headers=about)
        request.extensions["sni_hostname"] = wanted.host
        answer = client.send(request, stream=True)
        try:
            return _answer(answer)
        finally:
            answer.close()
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, RuntimeError, OSError) as fault:
        return WebhookAnswer(None, redact(_words(fault, wanted)))
    finally:
        deadline.cancel()
        client.close()


def _answer(answer: object) -> WebhookAnswer:
    import httpx

    assert isinstance(answer, httpx.Response)
    status = answer.status_code
    if 200 <= status < 300:
        return WebhookAnswer(status)
    if 300 <= status < 400:
        return WebhookAnswer(status, f"HTTP {status}: redirects are not followed; correct the URL")
    said = next(answer.iter_bytes(_SHOWN), b"").decode("utf-8", "replace")
    words = " ".join("".join(each if each.isprintable() else " " for each in said).split())
    return WebhookAnswer(status, redact(f"HTTP {status}{': ' if words else ''}{words[:_SHOWN]}"))


def _words(fault: Exception, wanted: Target) -> str:
    import httpx

    said = str(fault) or type(fault).__name__
    if isinstance(fault, httpx.TimeoutException | RuntimeError):
        return f"{wanted.authority} did not answer in time"
    if isinstance(fault, httpx.ConnectError):
        return f"{wanted.authority} cannot be reached: {said}"
    return f"the connection to {wanted.authority} broke: {said}"


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """The system's authorities; loading them takes as long as a call, so it is done once."""
    return system_context()
