"""What every DNS zone has. A provider adds its own fields in its own file, `engine/dns/providers/NAME.py`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from engine import redact
from engine.forms.faults import BadInput, Fault, checked
from engine.forms.form import Form, SecretText, at, secret_fields
from engine.forms.kinds import Fingerprint, Line, ZoneName

if TYPE_CHECKING:
    from engine.dns.provider import Provider, Timing
    from engine.dns.tls import DnsTls

Ttl = Annotated[int, Field(ge=1, le=604_800)]


class ZoneForm(Form):
    """A zone at a DNS provider. A subclass is a provider's whole declaration.

    From its fields come the manifest's keys, the options of `kvmtui zone add`, the console's form, the list of secrets
    and the table in docs/dns.md. Its field `type: Literal["name"]` is the provider's name.
    """

    LABEL: ClassVar[str] = ""
    """How log lines and screens name the provider: `PowerDNS`."""
    PERMISSION: ClassVar[str] = ""
    """What an operator must allow at the provider, for the documentation."""
    BATCH: ClassVar[int] = 500
    """How many changes one batch may have, so that it ends well within its deadline."""

    zone: ZoneName = Field(title="Zone", description="Name of the zone, forward or reverse.")
    ttl: Ttl = Field(300, title="TTL", description="Time to live of the records, in seconds.")

    @classmethod
    def provider(cls) -> str:
        """The provider's name, as `type` in the manifest has it."""
        return str(get_args(cls.model_fields["type"].annotation)[0])

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """Where the zone is, for lists: an address, or an ID."""

    @property
    @abstractmethod
    def server(self) -> str:
        """The server or account in one spelling. Zones with the same one share one sender, one lease and one outage.

        It must not depend on secrets: it is also computed where they are not opened.
        """

    @property
    def identity(self) -> str:
        """What tells zones of one name and provider apart."""
        return self.server

    @property
    def server_key(self) -> str:
        """`server` with the provider's name: unique among all providers."""
        return f"{self.provider()}:{self.server}"

    @abstractmethod
    def client(self, timing: Timing) -> Provider:
        """The zone's provider; nothing is sent before it is requested something."""

    def open(self, timing: Timing) -> Provider:
        """The zone's provider, its secrets known to the redaction; the caller closes it."""
        for name in secret_fields(type(self)):
            redact.register(getattr(self, name))
        return self.client(timing)

    @classmethod
    def secret_to_ask(cls, values: Mapping[str, Any]) -> str:
        """The secret that belongs to these answers; the command line asks for it alone."""
        del values
        return next(name for name in cls.model_fields if name in secret_fields(cls))

    @classmethod
    def with_changes(cls, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """The stored answers with those given over them; overridden where one answer replaces another."""
        return {**stored, **given}


class ZoneTlsForm(Form):
    """How the provider's certificate is verified: fingerprint, CA file, or neither for the system's authorities."""

    fingerprint: Fingerprint | None = Field(
        None, title="Fingerprint", description="SHA-256 of the server's own certificate."
    )
    ca_file: Line | None = Field(None, title="CA file", description="PEM file of the CA to trust.")

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.fingerprint and self.ca_file:
            raise at("", "give a fingerprint or a ca_file, not both.")
        return self


class HttpZoneForm(ZoneForm):
    """A zone behind an HTTP API."""

    tls: ZoneTlsForm = Field(
        default_factory=ZoneTlsForm, title="TLS", description="How the server's certificate is verified."
    )

    def trust(self) -> DnsTls:
        """How the server's certificate is verified, for a connection."""
        from engine.dns.tls import DnsTls

        pin = self.tls.fingerprint
        return DnsTls(ca_file=self.tls.ca_file or "", fingerprints=(pin,) if pin else ())


def not_empty(text: str) -> str:
    """A value that must be given."""
    if not text:
        raise ValueError("must not be empty.")
    return text


def _fits_header(secret: str) -> str:
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError("has characters that no such key has. Copy it again.")
    return secret


RequiredSecret = Annotated[SecretText, AfterValidator(not_empty)]
HeaderSecret = Annotated[RequiredSecret, AfterValidator(_fits_header)]
RequiredLine = Annotated[Line, AfterValidator(not_empty)]


def zone_forms() -> dict[str, type[ZoneForm]]:
    """The form of every provider by its name, in the order they are offered."""
    from engine.dns.providers import PROVIDERS

    return PROVIDERS


def zone_form(values: Mapping[str, Any]) -> ZoneForm:
    """The form of the provider that `type` names, or BadInput with every fault."""
    if not isinstance(values, Mapping):
        raise BadInput([Fault((), "must be a mapping of keys to values.")])
    kind, forms = values.get("type"), zone_forms()
    if not isinstance(kind, str) or kind not in forms:
        *most, last = sorted(forms)
        must = "is missing; it must be" if kind is None else "must be"
        raise BadInput([Fault(("type",), f"{must} {', '.join(most)} or {last}.")])
    return checked(forms[kind], values)
