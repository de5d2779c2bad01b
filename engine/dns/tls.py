"""How the certificate of a DNS server is checked: by the system, by a CA file, by a pin, or, written out,
not at all.

A pinned certificate is compared right after the handshake, before one byte of a request leaves, so a wrong
server never sees a key.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import Refused

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DnsTls:
    """One way of checking: nothing given means the system's CAs; `fingerprints` are SHA-256 of the
    certificate.
    """

    ca_file: str = ""
    fingerprints: tuple[str, ...] = ()
    insecure: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprints", tuple(_fingerprint(value) for value in self.fingerprints))
        if sum((bool(self.ca_file), bool(self.fingerprints), self.insecure)) > 1:
            raise Refused("Give one way to check the certificate: a CA file, a fingerprint, or insecure.")

    def context(self) -> ssl.SSLContext:
        """The context to connect with."""
        if self.fingerprints:
            return _PinnedContext.for_pins(self.fingerprints)
        if self.insecure:
            return _unchecked(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        if not self.ca_file:
            return ssl.create_default_context()  # strict about certificates from Python 3.13 on
        if not Path(self.ca_file).is_file():
            raise Refused(f"The CA file {self.ca_file} does not exist or cannot be read.")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (ssl.SSLError, OSError) as wrong:
            raise Refused(f"The CA file {self.ca_file} holds no usable certificate: {wrong}.") from None
        # The operator vouches for this file: an authority of their own without a keyUsage extension is accepted,
        # and so is an intermediate or leaf certificate named here. Python 3.13 refuses the first, 3.12 the second.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context


def _fingerprint(value: str) -> str:
    plain = value.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if not _SHA256.fullmatch(plain):
        raise Refused(f"'{value}' is not a SHA-256 fingerprint: it needs 64 hexadecimal digits.")
    return plain


def _unchecked(context: ssl.SSLContext) -> ssl.SSLContext:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _PinnedContext(ssl.SSLContext):
    """Accepts a server by its certificate's fingerprint alone."""

    pins: tuple[str, ...] = ()

    @classmethod
    def for_pins(cls, pins: tuple[str, ...]) -> _PinnedContext:
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        _unchecked(context)
        context.pins = pins
        return context

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(sock, *args, **kwargs)
        seen = hashlib.sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()
        if seen not in self.pins:
            wrapped.close()
            raise ssl.SSLCertVerificationError(
                f"the certificate has the fingerprint {colons(seen)}, not the pinned one"
            )
        return wrapped


def colons(digest: str) -> str:
    """A fingerprint as people compare it: upper case pairs with colons."""
    upper = digest.upper()
    return ":".join(upper[i : i + 2] for i in range(0, len(upper), 2))
