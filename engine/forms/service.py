"""A client's instance of a product, and what it overrides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from engine.forms.form import Form
from engine.forms.kinds import Amount, Count, Name, Template
from engine.forms.product import Cores, Memory, ThrottleRate, TrafficAction, TrafficCounts, WarnPercent

LIMITS = ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")
# the product's own paths and other common spellings, and the option they mean
_SPELLINGS = {
    "network.bandwidth": "bandwidth",
    "network_bandwidth": "bandwidth",
    "network.ipv4": "ipv4",
    "network.ipv6": "ipv6",
    "system_disk.size": "system_disk",
    "additional_disk.size": "additional_disk",
    **{
        f"{disk}.{limit}": f"{disk}_{limit}"
        for disk in ("system_disk", "additional_disk")
        for limit in LIMITS
    },
}
_NESTED = ("network", "system_disk", "additional_disk")
Addresses = Annotated[int, Field(ge=0, le=256)]


class OptionsForm(Form):
    """What a service overrides of its product. What is not given is the product's; an explicit 0 counts."""

    cores: Cores | None = Field(None, title="Cores", description="Cores per socket.")
    memory: Memory | None = Field(None, title="Memory", description="MiB.")
    system_disk: Amount | None = Field(None, title="System disk", description="GiB.")
    system_disk_mbps_rd: Amount | None = Field(None, title="System read MB/s", description="0 is unlimited.")
    system_disk_mbps_wr: Amount | None = Field(None, title="System write MB/s", description="0 is unlimited.")
    system_disk_iops_rd: Amount | None = Field(None, title="System read IOPS", description="0 is unlimited.")
    system_disk_iops_wr: Amount | None = Field(None, title="System write IOPS", description="0 is unlimited.")
    additional_disk: Amount | None = Field(None, title="Additional disk", description="GiB; 0 means none.")
    additional_disk_mbps_rd: Amount | None = Field(
        None, title="Second read MB/s", description="0: unlimited."
    )
    additional_disk_mbps_wr: Amount | None = Field(
        None, title="Second write MB/s", description="0: unlimited."
    )
    additional_disk_iops_rd: Amount | None = Field(
        None, title="Second read IOPS", description="0: unlimited."
    )
    additional_disk_iops_wr: Amount | None = Field(
        None, title="Second write IOPS", description="0: unlimited."
    )
    bandwidth: Amount | None = Field(None, title="Bandwidth", description="MB/s; 0 is unlimited.")
    ipv4: Addresses | None = Field(None, title="IPv4", description="How many IPv4 addresses.")
    ipv6: Addresses | None = Field(None, title="IPv6", description="How many IPv6 addresses.")
    template: Template | None = Field(None, title="Template", description="Used at the next (re)install.")
    backups: Count | None = Field(None, title="Backups", description="How many the VM may have.")
    snapshots: Count | None = Field(None, title="Snapshots", description="How many the VM may have.")
    traffic_gib: Amount | None = Field(
        None, title="Traffic quota", description="GiB per month; 0 is unlimited."
    )
    traffic_counts: TrafficCounts | None = Field(
        None, title="Counted traffic", description="in, out, both added up, or the larger of the two."
    )
    traffic_action: TrafficAction | None = Field(
        None, title="At the quota", description="none, notify, throttle or suspend."
    )
    traffic_throttle_mbs: ThrottleRate | None = Field(
        None, title="Throttle to", description="MB/s while it is throttled."
    )
    traffic_warn: WarnPercent | None = Field(
        None, title="Traffic warning", description="Percent of the quota; 0: never."
    )

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return canonical(values) if isinstance(values, Mapping) else values

    def given(self) -> dict[str, Any]:
        """Only what is overridden."""
        return self.model_dump(exclude_none=True)


def canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options by their own names: `{system_disk: {size: 9}}` and `system_disk.size` mean `system_disk`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if key in _NESTED and isinstance(value, Mapping) and value:
            flat.update({_option(f"{key}.{inner}"): deep for inner, deep in value.items()})
        else:
            flat[_option(str(key))] = value
    return flat


def _option(spelling: str) -> str:
    return _SPELLINGS.get(spelling, spelling)


class ServiceForm(Form):
    """A service."""

    id: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = Field(
        None, title="ID", description="Service number; empty: the next free one."
    )
    client: Name = Field(title="Client", description="Client that owns the service.")
    product: Name = Field(title="Product", description="What it is made from.")
    options: OptionsForm = Field(
        default_factory=OptionsForm, title="Options", description="Overrides of the product."
    )
