"""What the console asks for when a reverse name is changed."""

from __future__ import annotations

from pydantic import BaseModel, Field


class RdnsForm(BaseModel):
    """The name an address points to."""

    name: str = Field(
        "", title="Reverse name", description="Empty: the name of the VM again.", max_length=253
    )
