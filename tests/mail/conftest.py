"""A small site that sends mails, the mail servers it sends them to, and certificates that are trusted or not."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.mail import template_folder
from engine.mail.delivery import Round
from engine.mail.facts import vm_facts
from engine.mail.outbox import SiteMail
from engine.plan import effective
from engine.store import settings
from engine.store.database import in_transaction
from engine.store.models import Client, Outbox, Product, Server, Service, Vm
from engine.store.settings import Smtp
from kvmtui.lab.mailbox import Mailbox
from tests.conftest import Store

PASSWORD = "Cor-rect-Horse-9"
SENDER = "noc@example.com"


@dataclass
class Site:
    """A client with a VM, and what a test asks for."""

    store: Store
    vm: Vm

    def use(self, box: Mailbox | int, **more: Any) -> None:
        """Send through this mailbox, or through whatever listens at a port."""
        port = box if isinstance(box, int) else box.port
        settings.write(Smtp(**{"host": "127.0.0.1", "port": port, "sender": SENDER, **more}))

    def queue(self, key: str = "ready:1", template: str = "ready", **facts: Any) -> str:
        """Queue a mail as a step does."""
        plan = effective(self.vm.service.product.spec, {})
        known = vm_facts(self.vm, plan, ["192.0.2.10"], PASSWORD)
        return in_transaction(lambda: SiteMail().queue(self.vm, template, key, {**known, **facts}))

    def send(self) -> float:
        """One look at the outbox, by an engine that has just started."""
        return Round().send_due()

    def row(self) -> Outbox:
        """The only mail."""
        return Outbox.get()

    def due(self) -> None:
        """Let the time pass until every mail is due, and every lease over."""
        Outbox.update(due_at=1).where(Outbox.state.in_(("pending", "sending"))).execute()


@pytest.fixture
def site(sqlite_store: Store) -> Iterator[Site]:
    """The site on SQLite."""
    yield from _site(sqlite_store)


@pytest.fixture
def any_site(store: Store) -> Iterator[Site]:
    """The site on each kind of database."""
    yield from _site(store)


def _site(store: Store) -> Iterator[Site]:
    server = Server.create(uid="s-1", name="pve", hosts=["10.0.0.1"])
    product = Product.create(name="VPS-2", server=server, spec={"cores": 2, "memory": 2048})
    client = Client.create(name="Acme", email="ops@acme.example", language="en")
    service = Service.create(id=5546, client=client, product=product)
    vm = Vm.create(
        uid="v-1",
        service=service,
        server=server,
        vmid=2002,
        name="vm-5546",
        domain="example.com",
        os_user="admin",
    )
    yield Site(store, vm)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """A mail server that takes everything."""
    with Mailbox() as box:
        yield box


@pytest.fixture
def own_folder(tmp_path: Path) -> Iterator[Path]:
    """An operator's folder of templates, in use."""
    path = tmp_path / "templates"
    (path / "languages").mkdir(parents=True)
    template_folder.use_folder(path)
    yield path
    template_folder.use_folder(None)


@dataclass(frozen=True)
class Certificates:
    """A certificate for 127.0.0.1 and localhost, and the CA that signed it."""

    ca: Path
    server: Path

    def context(self) -> ssl.SSLContext:
        """What the mail server shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once per test process."""
    folder = tmp_path_factory.mktemp("certificates")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Test CA", "Test CA", ca_key, ca_key, ca=True)
    server = _certificate("mailbox", "Test CA", key, ca_key, ca=False)
    made = Certificates(folder / "ca.pem", folder / "server.pem")
    made.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made.server.write_bytes(server.public_bytes(serialization.Encoding.PEM) + private)
    return made


def _certificate(name: str, issuer: str, key: Any, signer: Any, ca: bool) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )


@pytest.fixture
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """The same, with the CA among those that this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    return certificates
