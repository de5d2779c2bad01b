"""A Proxmox VE cluster: how it is reached, trusted and how hard it may be worked."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.forms.form import Form, SecretText, at, many
from engine.forms.kinds import Fingerprint, Host, Line, Name, Port, quoted
from engine.ipam.legacy import parse

_TOKEN = re.compile(r"[^\s@!:/]{1,64}@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+")
_USER = re.compile(r"[^\s@!:/]{1,64}@[A-Za-z][A-Za-z0-9._-]+")
_LEGACY = "bridge|vlan|address|mask|gateway|dns1,dns2"


class TlsForm(Form):
    """How the server's certificate is verified: exactly one of the four."""

    fingerprint: Fingerprint | None = Field(
        None, title="Fingerprint", description="SHA-256 of the server's own certificate."
    )
    ca_file: Line | None = Field(None, title="CA file", description="PEM file of the CA to trust.")
    system: Literal[True] | None = Field(None, title="System", description="Trust what the system trusts.")
    insecure: Literal[True] | None = Field(
        None, title="Insecure", description="Do not verify. Anybody on the network path can read the token."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "nothing"
            raise at("", f"needs exactly one of fingerprint, ca_file, system, insecure; it has {found}.")
        if self.ca_file is not None and not self.ca_file.startswith("/"):
            raise at("ca_file", "must be an absolute path, because the daemon may run elsewhere.")
        return self


class LimitsForm(Form):
    """How much the engine asks of the cluster at once."""

    clones_per_storage: Annotated[int, Field(ge=1, le=100)] = Field(
        2, title="Clones per storage", description="Clones at once from one source storage."
    )
    tasks_per_node: Annotated[int, Field(ge=1, le=100)] = Field(
        4, title="Tasks per node", description="Tasks at once on one node."
    )
    requests: Annotated[int, Field(ge=1, le=100)] = Field(
        8, title="Requests", description="API requests at once to the cluster."
    )


class ServerForm(Form):
    """A Proxmox VE cluster."""

    name: Name = Field(title="Name", description="Name of the cluster.")
    hosts: Annotated[list[Host], Field(min_length=1, max_length=32)] = Field(
        title="Hosts", description="API hosts, tried in order."
    )
    port: Port = Field(8006, title="Port", description="Port of the API.")
    token_id: Line = Field("", title="Token ID", description="API token as user@realm!name.")
    token_secret: SecretText = Field("", title="Token secret", description="The token's UUID.")
    user: Line = Field("", title="User", description="user@realm, when no token is used.")
    password: SecretText = Field("", title="Password", description="The user's password.")
    tls: TlsForm = Field(
        default_factory=lambda: TlsForm(system=True), title="TLS", description="How the server is trusted."
    )
    limits: LimitsForm = Field(
        default_factory=LimitsForm, title="Limits", description="How hard it is worked."
    )
    assigned_ips: str = Field(
        "",
        title="Assigned IP addresses",
        description=f"Legacy list, one per line: {_LEGACY}.",
        max_length=1_000_000,
    )
    state: Literal["enabled", "paused"] = Field(
        "enabled", title="State", description="Work on a paused server waits."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        faults = [*_login_faults(self), *_legacy_faults(self.assigned_ips)]
        if len(set(self.hosts)) < len(self.hosts):
            faults.append(("hosts", "names a host twice."))
        if faults:
            raise many(faults)
        return self


def _login_faults(form: ServerForm) -> list[tuple[str, str]]:
    token, login = form.token_id or form.token_secret, form.user or form.password
    if token and login:
        return [("token_id", "give either a token or a user with password, not both.")]
    if token:
        return _token_faults(form)
    if not login:
        return [("", "needs token_id and token_secret, or user and password.")]
    faults = []
    if not _USER.fullmatch(form.user):
        faults.append(("user", f"{quoted(form.user)} is not user@realm, such as root@pam."))
    if not form.password:
        faults.append(("password", "is missing."))
    return faults


def _token_faults(form: ServerForm) -> list[tuple[str, str]]:
    faults = []
    if not _TOKEN.fullmatch(form.token_id):
        faults.append(
            ("token_id", f"{quoted(form.token_id)} is not user@realm!name, such as kvmtui@pve!console.")
        )
    if not form.token_secret:
        faults.append(("token_secret", "is missing."))
    return faults


def _legacy_faults(text: str) -> list[tuple[str, str]]:
    _, wrong = parse(text)
    return [("assigned_ips", str(fault)) for fault in wrong]
