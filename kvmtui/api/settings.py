"""`[api]` of config.toml: where the HTTP API listens and whom it believes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from engine.checked import Check, CheckedSettings, setting
from engine.errors import Refused

DEFAULT = "127.0.0.1:8460"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def public_origin(given: str) -> str:
    """A base URL that browsers use, in lower case without its last slash; ValueError for what would not be safe."""
    wanted = given.rstrip("/").lower()
    if wanted and not _ORIGIN.fullmatch(wanted):
        raise ValueError(f"'{given}' must be scheme, host and port alone, such as https://panel.example.com")
    if wanted.startswith("http:") and not _stays_here(wanted):
        raise ValueError(
            f"{given} is not on this machine, so cookies would cross the network in clear; use https"
        )
    return wanted


def networks(given: list[str]) -> list[str]:
    """The same addresses and networks; ValueError for anything else."""
    for each in given:
        try:
            ip_network(each, strict=False)
        except ValueError as error:
            raise ValueError(f"'{each}' is not an IP address or network") from error
    return given


def _stays_here(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(listen: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8460`, `[::1]:8460` or `localhost:8460`; ValueError for anything else."""
    host, colon, port = listen.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        ip_address(host)
        number = int(port) if port.isascii() and port.isdigit() else -1
    except ValueError:
        number = -1
    if not colon or not 0 <= number <= 65_535:
        raise ValueError(f"'{listen}' is not ADDRESS:PORT; write an IP address and a port, such as {DEFAULT}")
    return host, number


def _listen(given: str) -> str:
    if given:
        address_of(given)
    return given


def _origins(given: list[str]) -> list[str]:
    for each in given:
        if not _ORIGIN.fullmatch(each):
            raise ValueError(
                f"'{each}' is not an origin; write scheme and host, such as https://shop.example.com"
            )
    return given


@dataclass(frozen=True)
class ApiSettings(CheckedSettings):
    """How the HTTP API is served."""

    listen: Annotated[str, Check(_listen)] = setting(
        "", f"ADDRESS:PORT that the daemon serves the API on, such as `{DEFAULT}`."
    )
    public_url: Annotated[str, Check(public_origin, max_length=200)] = setting(
        "",
        "Base URL that browsers reach the API at, such as `https://panel.example.com`; links to clients' "
        "pages begin with it. By default the address it listens on.",
    )
    tls_cert: Path | None = setting(None, "Certificate chain in PEM. Relative to this file. Needs `tls_key`.")
    tls_key: Path | None = setting(None, "Private key of `tls_cert` in PEM. Relative to this file.")
    behind_proxy: bool = setting(
        False, "Allow plain HTTP beyond this host, because a TLS proxy is in front of it."
    )
    proxies: Annotated[list[str], Check(networks, max_length=100)] = setting(
        list, "Addresses or networks of proxies whose X-Forwarded-For is believed."
    )
    cors: Annotated[list[str], Check(_origins, max_length=100)] = setting(
        list, "Origins whose pages may call the API from a browser, such as `https://shop.example.com`."
    )
    dns_allow: Annotated[list[str], Check(networks, max_length=100)] = setting(
        list, "Addresses or networks that may read `/dns.json` without a token."
    )
    rate_limit: int = setting(
        200, "Requests per second that one token may send; 0 is unlimited.", ge=0, le=100_000
    )
    threads: int = setting(
        16,
        "Requests that wait for a cluster, and requests of clients' pages, that are worked on at the same time.",
        ge=2,
        le=32,
    )

    def __post_init__(self) -> None:
        """Tokens never cross a network in clear."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; give both or neither")
        if self.listen:
            self.refuse_clear(self.listen)

    def client_url(self, listen: str = "") -> str:
        """The base URL of clients' pages; `listen` is the address that is listened on, if that is known.

        Refused where no browser could use it.
        """
        if self.public_url:
            return self.public_url
        host, port = address_of(listen or self.listen or DEFAULT)
        if ip_address(host).is_unspecified:
            raise Refused(
                f"{host} is every address of this machine, so links to clients' pages have no host. "
                "Set public_url in [api] of config.toml."
            )
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def refuse_clear(self, listen: str) -> None:
        """Raise ValueError when tokens would cross a network in clear."""
        host, _ = address_of(listen)
        if not ip_address(host).is_loopback and self.tls_cert is None and not self.behind_proxy:
            raise ValueError(
                f"{listen} is not on loopback, so tokens would cross the network in clear; give tls_cert and "
                "tls_key, or write behind_proxy = true when a TLS proxy is in front"
            )
