"""From a server's row to what the Proxmox client needs, secrets unsealed."""

from __future__ import annotations

from engine.proxmox.access import ServerAccess, ServerTls
from engine.store import secrets, settings
from engine.store.models import Server


def access_of(server: Server) -> ServerAccess:
    """How to reach a server and log in."""
    general = settings.read_recent(settings.General)
    secret = secrets.unseal(server.token_secret, "server", server.uid, "token_secret")
    password = secrets.unseal(server.password, "server", server.uid, "password")
    return ServerAccess(
        name=server.name,
        hosts=tuple(server.hosts),
        port=server.port,
        token_id=server.token_id or None,
        token_secret=secret or None,
        user=server.user or None,
        password=password or None,
        tls=tls_of(server.tls),
        read_timeout=float(general.default_timeout),
        heavy_timeout=float(general.heavy_timeout),
    )


def source_of(server: Server) -> tuple[object, ...]:
    """Everything that `access_of` reads, its secrets sealed; the same when the access is the same."""
    general = settings.read_recent(settings.General)
    return (
        server.uid,
        server.name,
        tuple(server.hosts),
        server.port,
        server.token_id,
        server.token_secret,
        server.user,
        server.password,
        str(server.tls),
        general.default_timeout,
        general.heavy_timeout,
    )


def tls_of(choice: dict[str, object]) -> ServerTls:
    """How the manifest's `tls` words are judged: fingerprint, ca_file, insecure, else the system's trust."""
    pins = choice.get("fingerprint")
    if pins:
        return ServerTls.fingerprint(*([pins] if isinstance(pins, str) else map(str, list(pins))))  # type: ignore[call-overload]
    if choice.get("ca_file"):
        return ServerTls.ca_file(str(choice["ca_file"]))
    return ServerTls.insecure() if choice.get("insecure") else ServerTls.system()
