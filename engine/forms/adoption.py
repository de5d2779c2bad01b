"""A guest of the cluster that is to become a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from engine.forms.form import Form
from engine.forms.kinds import Name, Vmid
from engine.store.fields import Address


class AdoptForm(Form):
    """Which guest, whose it becomes, and the product it is to be sold as."""

    server: Name = Field(title="Server", description="Server the guest is on.")
    vmid: Vmid = Field(title="VMID", description="VMID of the guest.")
    client: Name = Field(title="Client", description="Client that will own it: name, e-mail address or id.")
    product: Name = Field(
        title="Product", description="Product it is sold as; the guest changes only with change-package."
    )
    id: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = Field(
        None, title="ID", description="Service id; empty: the next free one."
    )


@dataclass(frozen=True, slots=True)
class PriorService:
    """What a service was in the program it comes from, as far as the guest itself does not show it."""

    name: str = ""
    """The VM's name there; a guest of another name is refused. Empty: not compared."""
    node: str = ""
    """Where the VM probably is; empty: the cluster is asked."""
    addresses: tuple[Address, ...] = ()
    """Every address of the service; those that cloud-init does not give become the VM's as well."""
    rdns: Mapping[str, str] = field(default_factory=dict)
    """Reverse names by address."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What it overrides of its product."""
    external_ref: str = ""
    suspended: bool = False
    reason: str = ""
    """Why it is suspended."""
    backup_days: tuple[str, ...] = ()
    backup_minute: int = 0
    """When on these days, in minutes after midnight."""


NO_PRIOR_SERVICE = PriorService()
