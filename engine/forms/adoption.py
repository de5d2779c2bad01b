"""A guest of the cluster that is to become a service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.forms.form import Form
from engine.forms.kinds import Name, Vmid


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
