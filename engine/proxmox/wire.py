"""The TLS socket under every call: it knows the deadline, the pins, and whether anything was sent.

`requests` bounds the gaps between bytes, not the whole call, so a server that drips could hold a thread for ever;
and it cannot say whether a request left the machine before it failed, which is what tells "try elsewhere" from
"nobody knows". Both are answered here, in the socket itself, without a watchdog thread.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from typing import Any

from .access import ServerTls, TlsMode

LARGEST_ANSWER = 64 * 1024 * 1024


class DeadlinePassed(TimeoutError):
    """The whole call took longer than it may."""


class AnswerTooLarge(OSError):
    """The server sent more than any Proxmox answer holds."""


class WrongFingerprint(ssl.SSLCertVerificationError):
    """The server showed another certificate than the pinned one."""


def fingerprint_of(certificate: bytes) -> str:
    """The SHA-256 fingerprint of a DER certificate, as Proxmox prints it."""
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, 64, 2))


class WireContext(ssl.SSLContext):
    """A TLS context for one thread and one host that also carries the state of the call under way."""

    budget: float | None
    deadline: float | None
    sent: bool
    received: int
    pins: tuple[str, ...]
    shown: str | None
    certificate: bytes | None
    """What the server showed at the newest handshake, DER."""
    shaken_at: float

    def begin(self, seconds: float) -> None:
        """Starts a call that must be over so many seconds after its first byte went out."""
        self.budget, self.deadline = seconds, None
        self.sent, self.received, self.shown = False, 0, None

    def end(self) -> None:
        """The call is over; nobody counts until the next one."""
        self.budget = self.deadline = None

    def sending(self) -> None:
        """Counted before the bytes go: a failure half way may still have delivered them."""
        if self.budget is not None and not self.sent:
            self.deadline = time.monotonic() + self.budget
        self.sent = True

    def left(self) -> float | None:
        """Seconds the call still has, or None when nobody counts."""
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed("the deadline of the call passed")
        return left


class WireSocket(ssl.SSLSocket):
    """A TLS socket that keeps its context's deadline and pins."""

    @property
    def wire(self) -> WireContext:
        """The context this socket was made by."""
        context = self.context
        assert isinstance(context, WireContext)
        return context

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        wire = self.wire
        certificate = self.getpeercert(binary_form=True)
        wire.certificate, wire.shaken_at = certificate, time.monotonic()
        if not wire.pins:
            return
        wire.shown = fingerprint_of(certificate) if certificate else "none"
        if wire.shown not in wire.pins:
            raise WrongFingerprint(f"the server shows {wire.shown}, pinned is {' or '.join(wire.pins)}")

    def _bound(self) -> None:
        left = self.wire.left()
        if left is not None:
            self.settimeout(left)

    def send(self, data: Any, flags: int = 0) -> int:
        self.wire.sending()
        self._bound()
        return super().send(data, flags)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        self._bound()
        count = super().recv_into(buffer, nbytes, flags)
        wire = self.wire
        wire.received += count
        if wire.deadline is not None and wire.received > LARGEST_ANSWER:
            raise AnswerTooLarge(f"the answer is longer than {LARGEST_ANSWER} bytes")
        return count


def tls_context(tls: ServerTls) -> WireContext:
    """A context that judges certificates as the server's settings say."""
    context = WireContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = WireSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.pins, context.shown = tls.fingerprints, None
    context.sent, context.received = False, 0
    context.certificate, context.shaken_at = None, 0.0
    context.end()
    if tls.mode in (TlsMode.FINGERPRINT, TlsMode.INSECURE):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # a pin is judged in the handshake, above
    elif tls.mode is TlsMode.CA_FILE:
        context.load_verify_locations(cafile=tls.ca_path)
        # The operator vouches for this file: an authority of their own without a keyUsage extension is accepted.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        context.load_default_certs()
    return context


def fetch_fingerprint(host: str, port: int, timeout: float = 5.0) -> str:
    """The fingerprint of the certificate a host shows, trusted or not; OSError when it shows none."""
    context = tls_context(ServerTls.insecure())
    with (
        socket.create_connection((host, port), timeout=timeout) as raw,
        context.wrap_socket(raw, server_hostname=host) as tls,
    ):
        certificate = tls.getpeercert(binary_form=True)
    return fingerprint_of(certificate or b"")
