"""When the TLS certificates of a site expire: those its servers showed, and the one its API serves.

They are noted where they are seen anyway, at a connection and at the start of the API; nothing connects for them.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.clock import Moment, now_ms
from engine.store import kept
from engine.store.database import session
from engine.store.models import Server

DAY_MS = 86_400_000
_UNSEEN_DAYS = 30
"""A certificate that was last seen, or expired, longer ago than this is not in use any more."""


@dataclass(frozen=True, slots=True)
class CertificateExpiry:
    """A certificate that is in use: of a host of a server, or of the API, where `server` is empty."""

    server: str
    host: str
    expires_at: Moment

    @property
    def days_left(self) -> int:
        """Whole days until it expires; negative once it has."""
        return (self.expires_at - now_ms()) // DAY_MS


def expiries() -> list[CertificateExpiry]:
    """Every certificate that is in use, the first to expire first."""
    now = now_ms()
    with session():
        notes = kept.notes_of("certificates")
        servers = {row.uid: row for row in Server.select(Server.uid, Server.name, Server.hosts, Server.state)}
    found = []
    for owner, note in notes.items():
        server = servers.get(owner)
        for host, (_, expires_at, seen_at) in note.items():
            if server is None:
                in_use = owner.startswith("api ") and now - expires_at < _UNSEEN_DAYS * DAY_MS
            else:
                in_use = host in server.hosts and now - seen_at < _UNSEEN_DAYS * DAY_MS
            if in_use:
                found.append(CertificateExpiry(server.name if server else "", host, expires_at))
    return sorted(found, key=lambda each: (each.expires_at, each.server, each.host))


def keep_shown(server: Server, shown: Mapping[str, bytes], hosts: Sequence[str]) -> None:
    """Note the certificates (DER) that hosts of a server showed; written when one is new, and once a day."""
    from engine.proxmox.wire import fingerprint_of

    now = now_ms()
    before = kept.note_of("certificates", server.uid)
    note = {host: entry for host, entry in before.items() if host in hosts}
    for host, certificate in shown.items():
        fingerprint = fingerprint_of(certificate)
        known = note.get(host)
        if known is not None and known[0] == fingerprint:
            if now - known[2] >= DAY_MS:
                note[host] = [fingerprint, known[1], now]
        elif (expires_at := _expires_at(certificate)) is not None:
            note[host] = [fingerprint, expires_at, now]
    kept.keep("certificates", server.uid, note)


def keep_api(certificate: Path | None) -> None:
    """Note the certificate (PEM) that the API of this host serves from now on; None: it serves none."""
    host = socket.gethostname()
    expires_at = pem_expires_at(certificate) if certificate is not None else None
    note = {host: ["", expires_at, now_ms()]} if expires_at is not None else {}
    kept.keep("certificates", f"api {host}", note)


def pem_expires_at(path: Path) -> int | None:
    """When the first certificate of a file expires; None when there is none to be read."""
    from cryptography import x509

    try:
        return round(x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.timestamp() * 1000)
    except (OSError, ValueError):
        return None


def _expires_at(certificate: bytes) -> int | None:
    from cryptography import x509

    try:
        return round(x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp() * 1000)
    except ValueError:
        return None
