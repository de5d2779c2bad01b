"""TLS to servers that the system's authorities vouch for."""

from __future__ import annotations

import ssl


def system_context() -> ssl.SSLContext:
    """Trusts the system's CAs. One may be the operator's own, without what Python 3.13 demands of certificates."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
