"""A range of addresses of a server."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.forms.form import Form, many
from engine.forms.kinds import AddressText, Bridge, Name, OptionalAddress, Vlan
from engine.ipam.spec import PoolSpec, faults


class PoolForm(Form):
    """An address pool."""

    server: Name = Field(title="Server", description="The cluster the addresses belong to.")
    type: Literal["IPv4", "IPv6"] = Field(title="Type", description="IPv4 or IPv6.")
    bridge: Bridge = Field("vmbr0", title="Bridge", description="Bridge the network is on.")
    vlan: Vlan = Field(0, title="VLAN", description="VLAN tag, 0 for none.")
    gateway: AddressText = Field(title="Gateway", description="The network's router.")
    mask: Annotated[int, Field(ge=1, le=128)] = Field(
        title="Mask", description="Length of the prefix: 1–32 for IPv4, 1–128 for IPv6."
    )
    dns1: OptionalAddress = Field("", title="DNS 1", description="First name server the VMs use.")
    dns2: OptionalAddress = Field("", title="DNS 2", description="Second name server.")
    start: AddressText = Field(title="First address", description="First address of the range.")
    stop: AddressText = Field(title="Last address", description="Last address of the range.")
    excluded: list[str] = Field(
        default_factory=list,
        title="Excluded",
        description="Addresses and ranges (a-b) never assigned.",
        max_length=1000,
    )
    quarantine: Annotated[int, Field(ge=0, le=31_536_000)] = Field(
        0, title="Quarantine", description="Seconds until a released address can be used again."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        found = [_located(sentence) for sentence in faults(self.spec())]
        if found:
            raise many(found)
        return self

    def spec(self) -> PoolSpec:
        """The pool as the address room takes it."""
        return PoolSpec(
            server=self.server,
            type=self.type,
            bridge=self.bridge,
            vlan=self.vlan,
            gateway=ip_address(self.gateway),
            mask=self.mask,
            start=ip_address(self.start),
            stop=ip_address(self.stop),
            dns1=self.dns1,
            dns2=self.dns2,
            excluded=tuple(self.excluded),
            quarantine_s=self.quarantine,
        )


def _located(sentence: str) -> tuple[str, str]:
    """The field a sentence of the address room begins with, and the rest of it."""
    field, colon, rest = sentence.partition(": ")
    if colon and field.removesuffix("_s") in PoolForm.model_fields:
        return field.removesuffix("_s"), rest
    return "", sentence
