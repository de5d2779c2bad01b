"""`[web]` of config.toml: where the console for browsers listens, and who may sign in."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.errors import Refused
from engine.validation import sentence
from kvmtui.api.settings import address_of, networks, public_origin

DEFAULT = "127.0.0.1:8461"


class WebSettings(BaseModel):
    """How `kvmtui web` is served. Options of the command take precedence."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    listen: str = Field(
        DEFAULT,
        description="ADDRESS:PORT that `kvmtui web` listens on; beyond loopback only with `behind_proxy`.",
    )
    public_url: str = Field(
        "",
        max_length=200,
        description="Base URL that browsers reach the console at, such as `https://ops.example.com`. "
        "Needed with `behind_proxy`.",
    )
    behind_proxy: bool = Field(
        False,
        description="Ask everyone to sign in with a token of the API, because a TLS proxy lets others in.",
    )
    proxies: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Addresses or networks of proxies whose X-Forwarded-For is believed.",
    )

    def overridden(self, **options: str | bool | list[str]) -> WebSettings:
        """These settings with every option that was given in their place; refused with a sentence."""
        given = {name: value for name, value in options.items() if value}
        try:
            return WebSettings.model_validate(self.model_dump() | given)
        except ValidationError as error:
            why = " ".join(sentence(fault) for fault in error.errors())
            raise Refused(f"The web console was not started: {why}") from None

    @field_validator("listen")
    @classmethod
    def _an_address(cls, given: str) -> str:
        if address_of(given)[1] == 0:
            raise ValueError(f"'{given}' has no port; write one such as {DEFAULT}")
        return given

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, given: str) -> str:
        return public_origin(given)

    @field_validator("proxies")
    @classmethod
    def _networks(cls, given: list[str]) -> list[str]:
        return networks(given)

    @model_validator(mode="after")
    def _never_open(self) -> Self:
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
        return self
