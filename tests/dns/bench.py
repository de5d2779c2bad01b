"""Shared by several test files of this package: changes, providers on fakes, certificates."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.dns.plan import ChangeKind, RecordChange
from engine.dns.provider import Provider, Timing
from engine.dns.providers.cloudflare import Cloudflare
from engine.dns.providers.hestia import Hestia
from engine.dns.records import LiveRecord, Record
from engine.forms.zone import zone_form
from kvmtui.lab.dns.cloudflare import CloudflareFake
from kvmtui.lab.dns.hestia import HestiaFake

FORWARD = "example.net"
REVERSE = "2.0.192.in-addr.arpa"
REVERSE6 = "8.b.d.0.1.0.0.2.ip6.arpa"
CLASSLESS = "0/26.113.0.203.in-addr.arpa"
QUICK = Timing(connect=2.0, read=0.4, total=1.2)


def opened(kind: str, timing: Timing | None = None, **values: object) -> Provider:
    """The provider that a zone of these form values has."""
    return zone_form({"type": kind, **values}).open(timing or Timing())


def create(name: str, kind: str, content: str, ttl: int = 300) -> RecordChange:
    return RecordChange(ChangeKind.CREATE, Record(name, kind, content, ttl))


def swap(old: LiveRecord, content: str, ttl: int = 300) -> RecordChange:
    return RecordChange(ChangeKind.REPLACE, Record(old.record.name, old.record.type, content, ttl), old)


def remove(old: LiveRecord) -> RecordChange:
    return RecordChange(ChangeKind.DELETE, old.record, old)


@dataclass
class CloudflareBench:
    """A fake with one zone, and the provider that speaks to it."""

    fake: CloudflareFake
    zone_id: str
    opened: list[Cloudflare]

    def open(
        self,
        token: str = "",
        zone: str = FORWARD,
        zone_id: str = "",
        account: str = "",
        timing: Timing | None = None,
    ) -> Cloudflare:
        provider = opened(
            "cloudflare",
            timing,
            zone=zone,
            zone_id=zone_id or self.zone_id,
            api_token=token or next(iter(self.fake.tokens)),
            account_id=account,
            api_url=self.fake.api_url,
        )
        assert isinstance(provider, Cloudflare)
        self.opened.append(provider)
        return provider


KEY_ID, KEY_SECRET, PASSWORD = "K" * 20, "s" * 40, "correct horse"


@dataclass
class HestiaBench:
    """A fake panel with one zone, and the provider that speaks to it."""

    fake: HestiaFake
    opened: list[Hestia]

    def open(
        self,
        zone: str = FORWARD,
        by_key: bool = True,
        secret: str = "",
        user: str = "admin",
        timing: Timing | None = None,
    ) -> Hestia:
        login = (
            {"access_key": KEY_ID, "secret_key": secret or KEY_SECRET}
            if by_key
            else {"admin_user": "admin", "admin_password": secret or PASSWORD}
        )
        provider = opened("hestiacp", timing, zone=zone, server_url=self.fake.url + "/", user=user, **login)
        assert isinstance(provider, Hestia)
        self.opened.append(provider)
        return provider


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1."""

    file: Path
    fingerprint: str

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


def make_certificate(folder: Path, name: str) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return Certificate(file, made.fingerprint(hashes.SHA256()).hex())
