"""One HTTP connection to a DNS provider: deadlines, retries, and every transport error as a sentence.

All calls of one connection share one deadline, counted from its opening: a server that accepts and never answers, or
answers one byte at a time, costs that much and no more. Redirects are not followed and proxies of the environment are
not used: keys go where they were meant to go.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.provider import Timing
from engine.dns.tls import DnsTls

if TYPE_CHECKING:
    import httpx  # imported where a connection is made: forms must not load it

LARGEST_ANSWER = 64 * 1024 * 1024
ATTEMPTS = 8
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_BUSY = frozenset({429, 500, 502, 503, 504, 520, 521, 522, 523, 524})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever its bytes."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def retry_after(self) -> float | None:
        """The seconds the server asks to wait."""
        try:
            return max(0.0, float(self.headers.get("retry-after", "")))
        except ValueError:
            return None


class HttpConnection:
    """Sends requests to one server under one set of credentials."""

    def __init__(
        self, who: str, base_url: str, tls: DnsTls, timing: Timing, headers: Mapping[str, str] | None = None
    ) -> None:
        import httpx

        self.who = who
        self.base_url = base_url
        self.host = urlsplit(base_url).netloc
        self._timing = timing
        self._until = time.monotonic() + timing.total
        self._client = httpx.Client(
            base_url=base_url,
            headers={"Accept": "application/json", "User-Agent": "kvmtui", **(headers or {})},
            verify=_context(base_url, tls),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(timing.read, connect=timing.connect),
            limits=httpx.Limits(max_connections=4, keepalive_expiry=15.0),
        )

    def close(self) -> None:
        """Closes the sockets."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        attempts: int = ATTEMPTS,
        gate: Callable[[], float] | None = None,
        heed: Callable[[Reply], None] | None = None,
        **content: Any,
    ) -> Reply:
        """Sends a request that may safely be sent twice, and again while the server is busy.

        `gate` is asked before each attempt and answers how long to wait; `heed` sees each answer. The last
        answer is returned whatever its status; a transport error that stays is raised. Silence is not waited for
        twice: whoever calls tries again later.
        """
        for attempt in range(1, attempts + 1):
            self._pass(gate)
            try:
                reply = self._once(method, path, content)
            except ProviderError as fault:
                final = fault.kind is not DnsErrorKind.TRANSIENT or fault.silent or attempt == attempts
                if final or not self._rest(attempt, None):
                    raise
                continue
            if heed is not None:
                heed(reply)
            if reply.status not in _BUSY or attempt == attempts:
                return reply
            if not self._rest(attempt, reply.retry_after):
                return reply
        raise AssertionError("a call has at least one attempt")

    def once(self, method: str, path: str, **content: Any) -> Reply:
        """Sends a request a single time: for what must not happen twice."""
        return self._once(method, path, content)

    def _pass(self, gate: Callable[[], float] | None) -> None:
        while gate is not None and (wait := gate()) > 0:
            if time.monotonic() + wait > self._until:
                raise ProviderError(
                    DnsErrorKind.TRANSIENT,
                    f"{self.who} allows no more calls for {wait:.0f} s. It will be tried again after that.",
                    retry_after=wait,
                )
            time.sleep(wait)

    def _rest(self, attempt: int, asked: float | None) -> bool:
        """Waits before the next attempt, spread so that writers do not meet again; False when time is up."""
        pause = random.uniform(0.5, 1.0) * min(2.0, 0.05 * 2.0**attempt) if asked is None else asked
        if time.monotonic() + pause >= self._until:
            return False
        time.sleep(pause)
        return True

    def _once(self, method: str, path: str, content: dict[str, Any]) -> Reply:
        import httpx

        left = self._until - time.monotonic()
        if left <= 0:
            raise ProviderError(
                DnsErrorKind.TRANSIENT, f"{self.who} at {self.host}: the time for this batch is up."
            )
        timeout = httpx.Timeout(min(self._timing.read, left), connect=min(self._timing.connect, left))
        try:
            with self._client.stream(method, path, timeout=timeout, **content) as answer:
                body = self._read(answer)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                reply = Reply(answer.status_code, headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as fault:
            raise self._fault(fault) from None
        self._refuse_redirect(reply)
        return reply

    def _read(self, answer: httpx.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER:
                raise ProviderError(
                    DnsErrorKind.PERMANENT, f"{self.who} at {self.host} sends over {size} bytes."
                )
            if time.monotonic() > self._until:
                raise self._slow()
        return b"".join(parts)

    def _refuse_redirect(self, reply: Reply) -> None:
        if 300 <= reply.status < 400:
            where = reply.headers.get("location", "another address")
            raise ProviderError(
                DnsErrorKind.PERMANENT,
                f"{self.who} at {self.host} answers with a redirect to {where}. Correct the server URL.",
                status=reply.status,
            )

    def _slow(self) -> ProviderError:
        return ProviderError(
            DnsErrorKind.TRANSIENT,
            f"{self.who} at {self.host} timed out: it was reached but did not answer in time.",
            said="no answer in time",
            unsure=True,
            silent=True,
        )

    def _fault(self, fault: Exception) -> ProviderError:
        import httpx

        said = _ERRNO.sub("", str(fault)) or type(fault).__name__
        if _is_certificate_fault(fault):
            return ProviderError(
                DnsErrorKind.PERMANENT,
                f"The certificate of {self.host} is not trusted: {said}. Nothing was sent. "
                "Check the server, then correct the CA file or the fingerprint of the zone.",
                said=said,
            )
        if isinstance(fault, httpx.ReadTimeout | httpx.WriteTimeout):
            return self._slow()
        if isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return ProviderError(
                DnsErrorKind.TRANSIENT,
                f"{self.who} at {self.host} cannot be reached: {said}. Check address, port and firewall.",
                said=said,
                down=True,
                silent=isinstance(fault, httpx.ConnectTimeout),
            )
        if isinstance(fault, httpx.InvalidURL | httpx.UnsupportedProtocol):
            return ProviderError(
                DnsErrorKind.PERMANENT, f"The address of {self.who} is wrong: {said}.", said=said
            )
        return ProviderError(
            DnsErrorKind.TRANSIENT,
            f"The connection to {self.who} at {self.host} broke: {said}. It will be tried again.",
            said=said,
            unsure=True,
            down=True,
        )


def _context(base_url: str, tls: DnsTls) -> ssl.SSLContext:
    """How certificates are verified. Loading the system's authorities takes as long as a call, so it is done once."""
    if not base_url.startswith("https:"):
        return _no_tls()
    return tls.context() if tls.ca_file else _kept_context(tls)


@lru_cache(maxsize=64)
def _kept_context(tls: DnsTls) -> ssl.SSLContext:
    return tls.context()


@lru_cache(maxsize=1)
def _no_tls() -> ssl.SSLContext:
    return ssl.SSLContext(
        ssl.PROTOCOL_TLS_CLIENT
    )  # trusts nobody: redirects to https are not followed either


def _is_certificate_fault(fault: BaseException | None) -> bool:
    while fault is not None:
        if isinstance(fault, ssl.SSLCertVerificationError):
            return True
        fault = fault.__cause__ or fault.__context__
    return False
