"""How one Proxmox cluster is reached: its API hosts, the login, how TLS is verified, how long to wait.

Values only. Secrets are hidden from every repr and registered for redaction the moment they arrive here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from engine import redact
from engine.errors import Refused

CHANGING_READ_TIMEOUT = 35.0  # pveproxy itself gives up at 30 s; giving up earlier would only lose the answer
_SHA256 = re.compile(r"[0-9A-F]{64}")
_TOKEN_ID = re.compile(r"(?P<user>[^@!\s]+@[^@!\s]+)!(?P<name>[A-Za-z][\w.-]*)")


class TlsMode(StrEnum):
    """The ways a server's certificate can be judged."""

    SYSTEM = "system"
    CA_FILE = "ca_file"
    FINGERPRINT = "fingerprint"
    INSECURE = "insecure"


def normal_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as Proxmox prints it, `AA:BB:…`; refuses anything else."""
    plain = re.sub(r"[\s:]", "", text).upper()
    if not _SHA256.fullmatch(plain):
        raise Refused(
            f"'{text}' is not a SHA-256 fingerprint: 32 bytes in hex are needed, as `pvenode cert info` prints them."
        )
    return ":".join(plain[i : i + 2] for i in range(0, 64, 2))


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How a server proves who it is."""

    mode: TlsMode = TlsMode.SYSTEM
    ca_path: str | None = None
    fingerprints: tuple[str, ...] = ()

    @classmethod
    def system(cls) -> ServerTls:
        """Trust what the operating system trusts."""
        return cls()

    @classmethod
    def ca_file(cls, path: str) -> ServerTls:
        """Trust only the certificates of one PEM file, such as the cluster's pve-root-ca.pem."""
        return cls(TlsMode.CA_FILE, ca_path=path)

    @classmethod
    def fingerprint(cls, *fingerprints: str) -> ServerTls:
        """Trust exactly these leaf certificates, one per API host or an old and a new one."""
        if not fingerprints:
            raise Refused("A fingerprint is needed to pin a server; `kvmtui server test` prints it.")
        return cls(TlsMode.FINGERPRINT, fingerprints=tuple(normal_fingerprint(f) for f in fingerprints))

    @classmethod
    def insecure(cls) -> ServerTls:
        """Trust anybody. Only for a lab, and only when written out."""
        return cls(TlsMode.INSECURE)


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """Everything needed to speak to one cluster."""

    name: str
    hosts: tuple[str, ...]
    port: int = 8006
    token_id: str | None = None
    token_secret: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ServerTls = field(default_factory=ServerTls.system)
    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    heavy_timeout: float = 60.0

    def __post_init__(self) -> None:
        redact.register(self.token_secret)
        redact.register(self.password)
        if not self.hosts:
            raise Refused(f"Server {self.name} has no API host; give at least one.")
        if self.token_id is not None:
            self._check_token()
        elif not (self.user and self.password):
            raise Refused(
                f"Server {self.name} has no login; give token_id and token_secret, or user and password."
            )

    def _check_token(self) -> None:
        if not _TOKEN_ID.fullmatch(self.token_id or ""):
            raise Refused(
                f"token_id of server {self.name} is '{self.token_id}'; it must read user@realm!tokenname, "
                "such as kvmtui@pve!console."
            )
        if not self.token_secret:
            raise Refused(f"Server {self.name} has a token_id but no token_secret.")

    @property
    def login(self) -> str:
        """The name Proxmox knows us by: user@realm!token, or user@realm."""
        return self.token_id or self.user or ""

    def read_budget(self, *, changing: bool, heavy: bool) -> float:
        """Total timeout of a call; a changing call never times out before Proxmox does."""
        wanted = self.heavy_timeout if heavy else self.read_timeout
        return max(wanted, CHANGING_READ_TIMEOUT) if changing else wanted
