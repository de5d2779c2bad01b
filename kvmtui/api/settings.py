"""`[api]` of config.toml: where the HTTP API listens and whom it believes."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from engine.errors import Refused

DEFAULT = "127.0.0.1:8460"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


class ApiSettings(BaseModel):
    """How the HTTP API is served."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    listen: str = Field(
        "", description=f"ADDRESS:PORT that the daemon serves the API on, such as `{DEFAULT}`."
    )
    public_url: str = Field(
        "",
        max_length=200,
        description="Base URL that browsers reach the API at, such as `https://panel.example.com`; links to clients' "
        "pages begin with it. By default the address it listens on.",
    )
    tls_cert: Path | None = Field(
        None, description="Certificate chain in PEM. Relative to this file. Needs `tls_key`."
    )
    tls_key: Path | None = Field(None, description="Private key of `tls_cert` in PEM. Relative to this file.")
    behind_proxy: bool = Field(
        False, description="Allow plain HTTP beyond this host, because a TLS proxy is in front of it."
    )
    proxies: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Addresses or networks of proxies whose X-Forwarded-For is believed.",
    )
    cors: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Origins whose pages may call the API from a browser, such as `https://shop.example.com`.",
    )
    dns_allow: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Addresses or networks that may read `/dns.json` without a token.",
    )
    rate_limit: int = Field(
        200, ge=0, le=100_000, description="Requests per second that one token may send; 0 is unlimited."
    )
    threads: int = Field(
        16, ge=2, le=32, description="Writes and reads of clusters that are worked on at the same time."
    )

    @field_validator("listen")
    @classmethod
    def _an_address(cls, given: str) -> str:
        if given:
            address_of(given)
        return given

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, given: str) -> str:
        return public_origin(given)

    @field_validator("proxies", "dns_allow")
    @classmethod
    def _networks(cls, given: list[str]) -> list[str]:
        return networks(given)

    @field_validator("cors")
    @classmethod
    def _origins(cls, given: list[str]) -> list[str]:
        for each in given:
            if not _ORIGIN.fullmatch(each):
                raise ValueError(
                    f"'{each}' is not an origin; write scheme and host, such as https://shop.example.com"
                )
        return given

    @model_validator(mode="after")
    def _never_in_clear(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; give both or neither")
        if self.listen:
            self.refuse_clear(self.listen)
        return self

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
