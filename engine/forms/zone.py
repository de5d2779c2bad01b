"""A DNS zone at one provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.forms.faults import BadInput, Fault, checked
from engine.forms.form import Form, SecretText, at
from engine.forms.kinds import Fingerprint, Line, Url, ZoneName

CLOUDFLARE_API = "https://api.cloudflare.com/client/v4"
Ttl = Annotated[int, Field(ge=1, le=604_800)]


class ZoneTlsForm(Form):
    """How the provider's certificate is verified; at most one of the two, none means as the system does."""

    fingerprint: Fingerprint | None = Field(
        None, title="Fingerprint", description="SHA-256 of the server's own certificate."
    )
    ca_file: Line | None = Field(None, title="CA file", description="PEM file of the authority to trust.")

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.fingerprint and self.ca_file:
            raise at("", "give a fingerprint or a ca_file, not both.")
        return self


def _required(text: str) -> str:
    if not text:
        raise ValueError("must not be empty.")
    return text


def _plain_id(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        raise ValueError("is not an ID of Cloudflare, which has letters and digits only.")
    return text


RequiredSecret = Annotated[SecretText, AfterValidator(_required)]


class _Zone(Form):
    zone: ZoneName = Field(title="Zone", description="The zone's name; it tells forward from reverse.")
    ttl: Ttl = Field(300, title="TTL", description="Seconds others may remember a record.")
    tls: ZoneTlsForm = Field(
        default_factory=ZoneTlsForm, title="TLS", description="How the server is trusted."
    )

    @property
    def endpoint(self) -> str:
        """What tells zones of one name and type apart."""
        return str(getattr(self, "server_url", None) or getattr(self, "zone_id", ""))


class PowerDnsForm(_Zone):
    """A zone at a PowerDNS server."""

    type: Literal["powerdns"] = Field(title="Type", description="powerdns.")
    server_url: Url = Field(title="Server URL", description="Address of the API, such as https://ns1:8081.")
    api_key: RequiredSecret = Field(title="API key", description="The X-API-Key of the server.")


class CloudflareForm(_Zone):
    """A zone at Cloudflare."""

    type: Literal["cloudflare"] = Field(title="Type", description="cloudflare.")
    account_id: Line = Field("", title="Account ID", description="From the dashboard of Cloudflare.")
    zone_id: Annotated[str, AfterValidator(_plain_id)] = Field(
        title="Zone ID", description="From the zone's overview page."
    )
    api_token: RequiredSecret = Field(title="API token", description="A token that may edit this zone's DNS.")
    api_url: Url = Field(
        CLOUDFLARE_API, title="API URL", description="Another endpoint than Cloudflare's own."
    )


class HestiaForm(_Zone):
    """A zone at a HestiaCP server."""

    type: Literal["hestiacp"] = Field(title="Type", description="hestiacp.")
    server_url: Url = Field(
        title="Server URL", description="Address of the panel, such as https://hestia:8083."
    )
    user: Annotated[Line, AfterValidator(_required)] = Field(
        title="User", description="The user of HestiaCP that owns the zone."
    )
    admin_user: Line = Field("", title="Admin user", description="The administrator's name.")
    admin_password: SecretText = Field(
        "", title="Admin password", description="The administrator's password."
    )
    access_key: Line = Field("", title="Access key", description="Access key ID, better than a password.")
    secret_key: SecretText = Field("", title="Secret key", description="The secret of the access key.")

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        password, key = self.admin_user or self.admin_password, self.access_key or self.secret_key
        if password and key:
            raise at("admin_user", "give either an access key or the administrator's password, not both.")
        wanted = ("access_key", "secret_key") if key else ("admin_user", "admin_password")
        for field in wanted:
            if not getattr(self, field):
                raise at(field, "is missing.")
        return self


ZoneForm = PowerDnsForm | CloudflareForm | HestiaForm
ZONE_FORMS: dict[str, type[PowerDnsForm] | type[CloudflareForm] | type[HestiaForm]] = {
    "powerdns": PowerDnsForm,
    "cloudflare": CloudflareForm,
    "hestiacp": HestiaForm,
}


def zone_form(values: Mapping[str, Any]) -> ZoneForm:
    """The form of the provider that `type` names, or BadInput with every fault."""
    kind = values.get("type") if isinstance(values, Mapping) else None
    if not isinstance(values, Mapping):
        raise BadInput([Fault((), "must be a mapping of keys to values.")])
    if not isinstance(kind, str) or kind not in ZONE_FORMS:
        missing = "is missing; it" if kind is None else "must be one of them: it"
        raise BadInput([Fault(("type",), f"{missing} is cloudflare, hestiacp or powerdns.")])
    form: type[Any] = ZONE_FORMS[kind]
    made: ZoneForm = checked(form, values)
    return made
