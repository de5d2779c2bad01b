"""What is needed to reach a zone at each provider. Secrets never show in a repr and are known to the
redaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from engine import redact
from engine.dns.names import zone_name
from engine.dns.tls import Tls
from engine.errors import Refused

CLOUDFLARE_API = "https://api.cloudflare.com/client/v4"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for one connection, for silence while reading, and for one call with all its retries."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 90.0


@dataclass(frozen=True, slots=True)
class PowerDnsSettings:
    """A zone on a PowerDNS Authoritative server."""

    zone: str
    server_url: str
    api_key: str = field(repr=False)
    tls: Tls = field(default_factory=Tls)
    timing: Timing = field(default_factory=Timing)
    provider = "powerdns"

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", zone_name(self.zone))
        url = checked_url(self.server_url)
        object.__setattr__(self, "server_url", url.partition("/api/v1")[0])
        _need(self.api_key, "the API key of the PowerDNS server")
        _fits_header(self.api_key, "PowerDNS API key")
        redact.register(self.api_key)

    @property
    def server(self) -> str:
        """What the zone shares with its neighbours on the same server."""
        return self.server_url


@dataclass(frozen=True, slots=True)
class HestiaSettings:
    """A zone on a HestiaCP server, by access key (recommended) or by the administrator's password."""

    zone: str
    server_url: str
    user: str
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    admin_user: str = ""
    admin_password: str = field(default="", repr=False)
    tls: Tls = field(default_factory=Tls)
    timing: Timing = field(default_factory=Timing)
    provider = "hestiacp"

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", zone_name(self.zone))
        object.__setattr__(self, "server_url", checked_url(self.server_url).removesuffix("/api"))
        _need(self.user, "the HestiaCP user that owns the zone")
        if not (self.access_key and self.secret_key) and not (self.admin_user and self.admin_password):
            raise Refused(
                "HestiaCP needs an access key with its secret key, or the administrator's name and password."
            )
        redact.register(self.secret_key)
        redact.register(self.admin_password)

    @property
    def server(self) -> str:
        """What the zone shares with its neighbours on the same server."""
        return self.server_url


@dataclass(frozen=True, slots=True)
class CloudflareSettings:
    """A zone at Cloudflare."""

    zone: str
    zone_id: str
    api_token: str = field(repr=False)
    account_id: str = ""
    api_url: str = CLOUDFLARE_API
    tls: Tls = field(default_factory=Tls)
    timing: Timing = field(default_factory=Timing)
    provider = "cloudflare"

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", zone_name(self.zone))
        object.__setattr__(self, "api_url", checked_url(self.api_url or CLOUDFLARE_API))
        _need(self.zone_id, "the zone ID from the zone's overview page at Cloudflare")
        _need(self.api_token, "a Cloudflare API token that may edit the zone's DNS")
        if not self.zone_id.isalnum():
            raise Refused(f"“{self.zone_id}” is not a Cloudflare zone ID, which has letters and digits only.")
        _fits_header(self.api_token, "Cloudflare API token")
        redact.register(self.api_token)

    @property
    def server(self) -> str:
        """What the zone shares with its neighbours in the same account."""
        return f"{self.api_url}#{self.account_id or self.zone_id}"


Settings = PowerDnsSettings | HestiaSettings | CloudflareSettings


def checked_url(url: str) -> str:
    """A server address without final slash; refused unless it is plain http or https with a host."""
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as wrong:
        raise Refused(f"“{text}” is not a server address: {wrong}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise Refused(f"“{redact.redact(text)}” is not a server address. Write it as https://host:port.")
    if parts.username or parts.password:
        raise Refused("A server address must not carry a user or password. Put them into their own fields.")
    if parts.query or parts.fragment:
        raise Refused("A server address must not carry a query (`?…`) or a fragment (`#…`).")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def _need(value: str, what: str) -> None:
    if not value.strip():
        raise Refused(f"Missing: {what}.")


def _fits_header(secret: str, what: str) -> None:
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise Refused(f"The {what} has characters that no such key has. Copy it again.")
