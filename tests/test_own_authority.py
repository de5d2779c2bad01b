"""A certificate authority made by the operator, without the keyUsage extension that Python 3.13 insists on.

Named as a CA file it is accepted by the clients of Proxmox and of DNS servers alike, on every version of Python; what
it signs is still checked. Python's strict flag is set here as 3.13 sets it, so that the tests mean the same on 3.11.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.dns.tls import DnsTls
from engine.proxmox.access import ServerTls as ProxmoxTls
from engine.proxmox.wire import tls_context
from engine.tls import system_context

CONTEXTS: dict[str, Callable[[str], ssl.SSLContext]] = {
    "dns": lambda path: DnsTls(ca_file=path).context(),
    "proxmox": lambda path: tls_context(ProxmoxTls.ca_file(path)),
}


@pytest.fixture(autouse=True)
def as_python_3_13(monkeypatch: pytest.MonkeyPatch) -> None:
    """`create_default_context` as Python 3.13 and newer have it."""
    made = ssl.create_default_context

    def strict(*args: object, **kwargs: object) -> ssl.SSLContext:
        context = made(*args, **kwargs)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)


class Authority:
    """A key and a certificate that signs others."""

    def __init__(self, folder: Path, name: str, signed_by: Authority | None = None) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = signed_by or self
        self.certificate = issuer.sign(self.name, self.key.public_key(), ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool = False, host: str = "127.0.0.1"
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            address = x509.IPAddress(ipaddress.ip_address(host))
            made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def server(self, host: str = "127.0.0.1") -> ssl.SSLContext:
        """A server whose certificate this authority signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        both = self.folder / "server.pem"
        both.write_bytes(
            self.sign(subject, key.public_key(), host=host).public_bytes(serialization.Encoding.PEM)
            + self.certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context


@pytest.fixture
def shake() -> Iterator[Callable[[ssl.SSLContext, ssl.SSLContext], None]]:
    """One TLS handshake between a client and a server; raises what the client raises."""
    listeners: list[socket.socket] = []

    def serve(listener: socket.socket, server: ssl.SSLContext) -> None:
        raw, _ = listener.accept()
        with raw:
            try:
                server.wrap_socket(raw, server_side=True).close()
            except (OSError, ssl.SSLError):
                return

    def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        thread = threading.Thread(target=serve, args=(listener, server), daemon=True)
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=5) as raw:
            client.wrap_socket(raw, server_hostname="127.0.0.1").close()
        thread.join(5)

    yield handshake
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("kind", CONTEXTS)
def test_a_ca_file_with_an_authority_without_key_usage_is_accepted(
    kind: str, tmp_path: Path, shake: Callable[..., None]
) -> None:
    authority = Authority(tmp_path, "home")
    shake(authority.server(), CONTEXTS[kind](str(authority.file)))


@pytest.mark.parametrize("kind", CONTEXTS)
def test_an_intermediate_authority_alone_may_be_the_ca_file(
    kind: str, tmp_path: Path, shake: Callable[..., None]
) -> None:
    between = Authority(tmp_path, "between", signed_by=Authority(tmp_path, "root"))
    shake(between.server(), CONTEXTS[kind](str(between.file)))


@pytest.mark.parametrize("kind", CONTEXTS)
def test_what_it_did_not_sign_is_refused(kind: str, tmp_path: Path, shake: Callable[..., None]) -> None:
    authority, other = Authority(tmp_path, "home"), Authority(tmp_path, "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(other.server(), CONTEXTS[kind](str(authority.file)))


@pytest.mark.parametrize("kind", CONTEXTS)
def test_another_host_name_is_refused(kind: str, tmp_path: Path, shake: Callable[..., None]) -> None:
    authority = Authority(tmp_path, "home")
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        shake(authority.server(host="127.0.0.9"), CONTEXTS[kind](str(authority.file)))


def test_an_authority_that_the_system_trusts_is_accepted_for_mail_and_webhooks(
    tmp_path: Path, shake: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, other = Authority(tmp_path, "home"), Authority(tmp_path, "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    shake(authority.server(), system_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(other.server(), system_context())


def test_only_the_connection_with_a_ca_file_is_relaxed(tmp_path: Path) -> None:
    assert DnsTls().context().verify_flags & ssl.VERIFY_X509_STRICT
    assert (
        not DnsTls(ca_file=str(Authority(tmp_path, "home").file)).context().verify_flags
        & ssl.VERIFY_X509_STRICT
    )
