"""A guest of the cluster that is to become a service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.forms.form import Form
from engine.forms.kinds import Name, Vmid


class AdoptForm(Form):
    """Which guest, whose it becomes, and the product it is to be sold as."""

    server: Name = Field(title="Server", description="The cluster the guest lives on.")
    vmid: Vmid = Field(title="VMID", description="Its number there.")
    client: Name = Field(
        title="Client", description="Whose it becomes: a name, an e-mail address or a number."
    )
    product: Name = Field(
        title="Product", description="What it is sold as; nothing in it changes until that is applied."
    )
    id: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = Field(
        None, title="ID", description="The service's number; empty: the next free one."
    )
