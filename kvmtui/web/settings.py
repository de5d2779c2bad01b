"""`[web]` of config.toml: where the console for browsers listens, and who may sign in."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from engine.checked import Check, CheckedSettings, checked, setting
from engine.errors import Refused
from engine.validation import sentences
from kvmtui.api.settings import address_of, networks, public_origin

DEFAULT = "127.0.0.1:8461"


def _listen(given: str) -> str:
    if address_of(given)[1] == 0:
        raise ValueError(f"'{given}' has no port; write one such as {DEFAULT}")
    return given


@dataclass(frozen=True)
class WebSettings(CheckedSettings):
    """How `kvmtui web` is served. Options of the command take precedence."""

    listen: Annotated[str, Check(_listen)] = setting(
        DEFAULT, "ADDRESS:PORT that `kvmtui web` listens on; beyond loopback only with `behind_proxy`."
    )
    public_url: Annotated[str, Check(public_origin, max_length=200)] = setting(
        "",
        "Base URL that browsers reach the console at, such as `https://ops.example.com`. "
        "Needed with `behind_proxy`.",
    )
    behind_proxy: bool = setting(
        False, "Ask everyone to sign in with a token of the API, because a TLS proxy lets others in."
    )
    proxies: Annotated[list[str], Check(networks, max_length=100)] = setting(
        list, "Addresses or networks of proxies whose X-Forwarded-For is believed."
    )

    def __post_init__(self) -> None:
        """Whoever is not on this host comes through a proxy, and signs in."""
        host, _ = address_of(self.listen)
        if not ip_address(host).is_loopback and not self.behind_proxy:
            raise ValueError(
                f"without behind_proxy the web console listens on loopback only, and {host} is not. Put a proxy with "
                "TLS in front of it, and give public_url and behind_proxy"
            )
        if self.behind_proxy and not self.public_url:
            raise ValueError("behind_proxy needs public_url, the address that browsers use")
        if self.public_url and not self.behind_proxy:
            raise ValueError(
                "public_url needs behind_proxy: whoever comes through a proxy signs in with a token"
            )

    def overridden(self, **options: str | bool | list[str]) -> WebSettings:
        """These settings with every option that was given in their place; refused with a sentence."""
        given = {name: value for name, value in options.items() if value}
        try:
            return checked(WebSettings, vars(self) | given)
        except ValueError as error:
            raise Refused(f"The web console was not started: {sentences(error)}") from None
