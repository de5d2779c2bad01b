"""A scripted HTTPS server for one test: it answers what the test says, or misbehaves on the wire on request."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.proxmox import Cluster, Mark, ServerAccess, ServerTls

TOKEN_SECRET = "0c0ffee0-1111-2222-3333-444455556666"
MARK = Mark("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
SMBIOS = "33333333-3333-4333-8333-333333333333"
DIGEST = "0123456789abcdef0123456789abcdef01234567"
OUR_CONFIG: dict[str, Any] = {
    "name": "vm-5546",
    "description": MARK.line + "\nkept by hand\n",
    "smbios1": f"uuid={SMBIOS}",
    "digest": DIGEST,
    "memory": "2048",
    "cores": 2,
    "scsi0": "local-lvm:vm-100-disk-0,discard=on,iops_rd=500,size=32G",
    "ide2": "local-lvm:vm-100-cloudinit,media=cdrom,size=4M",
    "net0": "virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,firewall=1",
    "boot": "order=scsi0;net0",
    "agent": "1",
}


@dataclass(frozen=True)
class Seen:
    """A request as the server read it."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    nth_on_connection: int

    @property
    def changing(self) -> bool:
        return self.method != "GET"


@dataclass
class Reply:
    """What the server does with a request; `wire` says how it misbehaves."""

    data: Any = None
    status: int = 200
    reason: str = "OK"
    message: str | None = None
    errors: dict[str, str] | None = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wire: str = "good"  # good, last, cut, cut_body, hang, drip_head, drip_body

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        body: dict[str, Any] = {"data": self.data}
        if self.message is not None:
            body["message"] = self.message + "\n"
        if self.errors:
            body["errors"] = self.errors
        return json.dumps(body).encode()

    def head(self, length: int) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}", f"Content-Length: {length}"]
        lines += [
            f"{name}: {value}" for name, value in {"Content-Type": "application/json", **self.headers}.items()
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class ScriptedServer:
    """Listens on a free port of 127.0.0.1 and asks `answer` what to do with every request."""

    def __init__(self, certificate: Certificate, answer: Callable[[Seen], Reply] | None = None) -> None:
        self.answer = answer or (lambda seen: Reply({}))
        self.seen: list[Seen] = []
        self.connections = self.closed = 0
        self.stopping = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.path)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def changes(self) -> list[Seen]:
        """The requests that were not mere reading."""
        return [seen for seen in self.seen if seen.changing and seen.path != "/access/ticket"]

    def stop(self) -> None:
        self.stopping.set()
        # A thread inside accept() wakes only for a connection.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            pass
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                raw, _address = self._listener.accept()
            except OSError:
                return
            if self.stopping.is_set():
                raw.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(raw,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        with (
            contextlib.suppress(OSError, ValueError),
            self._context.wrap_socket(raw, server_side=True) as tls,
        ):
            self._open.add(tls)
            count = 0
            reader = tls.makefile("rb")
            while (seen := self._read(reader, count)) is not None:
                count += 1
                self.seen.append(seen)
                if not self._reply(tls, self.answer(seen)):
                    break
            reader.close()
        raw.close()
        self.closed += 1

    def _read(self, reader: Any, count: int) -> Seen | None:
        line = reader.readline().decode()
        if not line:
            return None
        method, target, _version = line.split()
        headers: dict[str, str] = {}
        while (header := reader.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0))).decode()
        url = urlsplit(target)
        params = dict(parse_qsl(url.query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
        path = "/".join(unquote(part) for part in url.path.removeprefix("/api2/json").split("/"))
        return Seen(method, path, params, headers, count)

    def _reply(self, tls: ssl.SSLSocket, reply: Reply) -> bool:
        body = reply.body()
        if reply.wire == "cut":
            return False
        if reply.wire == "hang":
            self.stopping.wait(30)
            return False
        if reply.wire == "cut_body":
            tls.sendall(reply.head(len(body) + 50) + body)
            return False
        if reply.wire in ("drip_head", "drip_body"):
            whole = reply.head(100_000)
            if reply.wire == "drip_body":
                tls.sendall(whole)
                whole = b" " * 100_000
            for index in range(len(whole)):
                tls.sendall(whole[index : index + 1])
                if self.stopping.wait(0.05):
                    return False
        tls.sendall(reply.head(len(body)) + body)
        return reply.status < 400 and reply.wire != "last"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate in one PEM file."""

    path: str
    fingerprint: str


def make_certificate(folder: Path, name: str) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(pem)
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest().upper()
    return Certificate(str(path), ":".join(digest[i : i + 2] for i in range(0, 64, 2)))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), "pve")


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), "other")


@pytest.fixture
def serve(certificate: Certificate) -> Iterator[Callable[..., ScriptedServer]]:
    """Starts scripted servers that end with the test."""
    servers: list[ScriptedServer] = []

    def start(
        answer: Callable[[Seen], Reply] | None = None, pem: Certificate | None = None
    ) -> ScriptedServer:
        servers.append(ScriptedServer(pem or certificate, answer))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def connect(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Cluster]]:
    """Clusters for scripted servers, with short patience: half a second instead of 35."""
    monkeypatch.setattr("engine.proxmox.access.CHANGING_READ_TIMEOUT", 0.5)
    clusters: list[Cluster] = []

    def open_cluster(server: ScriptedServer, recorder: Any = None, **changes: Any) -> Cluster:
        access = ServerAccess(
            "waw1",
            ("127.0.0.1",),
            port=server.port,
            token_id="kvmtui@pve!console",
            token_secret=TOKEN_SECRET,
            tls=ServerTls.fingerprint(certificate.fingerprint),
            connect_timeout=1.0,
            read_timeout=0.4,
            heavy_timeout=0.4,
        )
        clusters.append(Cluster(replace(access, **changes), recorder))
        return clusters[-1]

    yield open_cluster
    for cluster in clusters:
        cluster.close()


@dataclass
class World:
    """The names of this file that tests need; importlib mode has no import between test files."""

    mark: Mark = MARK
    smbios: str = SMBIOS
    digest: str = DIGEST
    token_secret: str = TOKEN_SECRET
    reply: type[Reply] = Reply

    def config(self, **changes: Any) -> dict[str, Any]:
        return {**OUR_CONFIG, **changes}

    def upid(self, kind: str = "qmstart", node: str = "pve1") -> str:
        return f"UPID:{node}:00001000:00002000:69000000:{kind}:100:kvmtui@pve!console:"


@pytest.fixture
def world() -> World:
    return World()
