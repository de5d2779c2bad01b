"""The site's own settings: timeouts, the schedule, mail, retention, thresholds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.forms.form import Form, SecretText, at
from engine.forms.kinds import Line, OptionalEmail, OptionalHost, Port


def _minutes(default: int, what: str) -> int:
    made: int = Field(default, ge=0, le=44_640, title="Minutes", description=f"{what} 0 turns it off.")
    return made


def _days(default: int, title: str, what: str) -> int:
    made: int = Field(default, ge=0, le=3660, title=title, description=f"{what} 0 keeps them forever.")
    return made


class GeneralForm(Form):
    """How long the engine waits for Proxmox."""

    default_timeout: Annotated[int, Field(ge=1, le=300)] = Field(
        10, title="Default timeout", description="Seconds for an ordinary call."
    )
    heavy_timeout: Annotated[int, Field(ge=1, le=600)] = Field(
        60, title="Heavy timeout", description="Seconds for a call that starts much work."
    )
    post_clone_migration: bool = Field(
        True, title="Migrate after cloning", description="Move a clone to its target node."
    )
    migration_timeout: Annotated[int, Field(ge=1, le=86_400)] = Field(
        300, title="Migration timeout", description="Seconds a migration may take."
    )


class IntervalsForm(Form):
    """Minutes between two runs of each scheduled task."""

    processVirtualMachines: int = _minutes(1, "Walks VMs through their pipelines.")
    removeOldSnapshots: int = _minutes(5, "Deletes snapshots past their lifetime.")
    restoreBackupStatus: int = _minutes(1, "Follows running restores.")
    nowBackupStatus: int = _minutes(1, "Follows running manual backups.")
    scheduleBackup: int = _minutes(5, "Makes the backups that are due.")
    collectingStatistics: int = _minutes(60, "Counts network bytes.")


class CronForm(Form):
    """The schedule."""

    lock_timeout: Annotated[int, Field(ge=10, le=86_400)] = Field(
        600, title="Lock timeout", description="Seconds after which a stuck task is taken over."
    )
    intervals: IntervalsForm = Field(
        default_factory=IntervalsForm, title="Intervals", description="Minutes between runs."
    )


class SmtpForm(Form):
    """How mail leaves. Without a host no mail is sent."""

    host: OptionalHost = Field("", title="Host", description="The mail server; empty sends nothing.")
    port: Port = Field(25, title="Port", description="25, 465 or 587, as the mail server requires.")
    security: Literal["none", "starttls", "tls"] = Field(
        "none", title="Security", description="none, starttls, or tls from the first byte."
    )
    sender: OptionalEmail = Field("", title="Sender", description="The address mails come from.")
    username: Line = Field("", title="User name", description="Empty if the server requires none.")
    password: SecretText = Field("", title="Password", description="The password of the user name.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.host and not self.sender:
            raise at("sender", "is missing; mails need an address they come from.")
        if self.password and not self.username:
            raise at("username", "is missing beside a password.")
        return self


class RetentionForm(Form):
    """How long history is kept. The audit is not deleted by age: `kvmtui audit archive` moves it to a file."""

    events_days: int = _days(14, "Events", "Days that lines of the live log are kept.")
    journal_days: int = _days(30, "Proxmox calls", "Days that ended calls of idle VMs are kept.")
    runs_days: int = _days(
        30, "Runs", "Days that ended runs with their steps are kept, beyond the newest of each VM."
    )
    runs_kept: Annotated[int, Field(ge=1, le=50)] = Field(
        50, title="Newest runs", description="Runs of each VM that are kept whatever their age; 50 at most."
    )
    requests_days: int = _days(30, "Requests", "Days that ended requests are kept.")
    mails_days: int = _days(30, "Mails", "Days that sent and failed mails stay in the outbox.")
    traffic_hours_days: int = _days(
        7, "Hourly traffic", "Days until the hours of a day become one row; sums do not change."
    )
    capacity_days: int = _days(1, "Capacity", "Days that the load of nodes, storages and pools is kept.")


def _percent(title: str, what: str) -> int:
    made: int = Field(80, ge=1, le=100, title=title, description=f"{what} Percent.")
    return made


class ThresholdsForm(Form):
    """From where on something is an alert: too full, or expiring soon."""

    pool_percent: int = _percent("IP pools", "Addresses in use from which a pool is an alert.")
    storage_percent: int = _percent("Storages", "Disk in use from which a storage is an alert.")
    node_percent: int = _percent("Nodes", "CPU or memory from which a node is shown in red.")
    full_days: Annotated[int, Field(ge=0, le=365)] = Field(
        7, title="Days until full", description="Pools and storages that fill up sooner are alerts. 0: none."
    )
    certificate_days: Annotated[int, Field(ge=0, le=365)] = Field(
        21,
        title="Certificates",
        description="Days until expiry from which a certificate is an alert. 0: none.",
    )
