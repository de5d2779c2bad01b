"""The site's settings, typed: one model per section, checked by the same rules wherever they come from."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from engine.store import secrets
from engine.store.compiled import Compiled
from engine.store.database import session, transaction
from engine.store.models import Setting, TaskState

_YEAR = 366 * 24 * 60
Minutes = Annotated[int, Field(ge=0, le=_YEAR)]
Days = Annotated[int, Field(ge=0, le=3660)]

INTERVALS = {
    "processVirtualMachines": 1,
    "removeOldSnapshots": 5,
    "restoreBackupStatus": 1,
    "nowBackupStatus": 1,
    "scheduleBackup": 5,
    "collectingStatistics": 60,
}


class SettingsSection(BaseModel):
    """A group of settings; unknown names are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class General(SettingsSection):
    """How long a call to Proxmox may take, and whether a new VM moves to its target node."""

    default_timeout: int = Field(10, ge=1, le=300, description="seconds for an ordinary call")
    heavy_timeout: int = Field(60, ge=1, le=600, description="seconds for a heavy call")
    post_clone_migration: bool = Field(True, description="move a fresh clone to its target node")
    migration_timeout: int = Field(300, ge=1, le=86_400, description="seconds a migration may take")


class Cron(SettingsSection):
    """How often each task runs; 0 switches it off."""

    lock_timeout: int = Field(600, ge=10, le=86_400, description="seconds after which a lock is taken over")
    intervals: dict[str, Minutes] = Field(default_factory=lambda: dict(INTERVALS))

    @field_validator("intervals")
    @classmethod
    def _complete(cls, given: dict[str, int]) -> dict[str, int]:
        unknown = sorted(given.keys() - INTERVALS.keys())
        if unknown:
            raise ValueError(f"no task is named '{unknown[0]}'; the tasks are {', '.join(INTERVALS)}")
        return {**INTERVALS, **given}


class Smtp(SettingsSection):
    """The mail server the console sends through; without a host no mail is sent."""

    host: str = Field("", max_length=253)
    port: int = Field(25, ge=1, le=65_535)
    security: Literal["none", "starttls", "tls"] = "none"
    sender: str = Field("", max_length=320)
    username: str = Field("", max_length=320)
    password: SecretStr = SecretStr("")


class Retention(SettingsSection):
    """How many days what has ended is kept; 0 keeps it forever. The audit is archived by hand."""

    events_days: Days = 14
    journal_days: Days = 30
    runs_days: Days = 30
    runs_kept: int = Field(
        10, ge=1, le=50, description="newest runs of a VM that are kept whatever their age"
    )
    requests_days: Days = 30
    mails_days: Days = 30
    traffic_hours_days: Days = 7
    capacity_days: Days = 1


Percent = Annotated[int, Field(ge=1, le=100)]


class Thresholds(SettingsSection):
    """From where on something is an alert: too full, or expiring soon."""

    pool_percent: Percent = 80
    storage_percent: Percent = 80
    node_percent: Percent = 80
    full_days: int = Field(7, ge=0, le=365, description="days until full that raise an alert; 0 raises none")
    certificate_days: int = Field(
        21, ge=0, le=365, description="days until a certificate expires that raise an alert; 0 raises none"
    )


S = TypeVar("S", General, Cron, Smtp, Retention, Thresholds)


_BY_KEY: Compiled[Setting] = Compiled(lambda key: Setting.select().where(Setting.key == key), 1)


def read(section: type[S]) -> S:
    """A section as it stands, defaults where nothing was set."""
    with session():
        row = _BY_KEY.first(_key(section))
        values = dict(row.value) if row else {}
        if section is Cron:
            values["intervals"] = _intervals()
    if values.get("password"):
        values["password"] = secrets.unseal(values["password"], "setting", _key(section), "password")
    return section.model_validate(values)


def write(section: SettingsSection) -> None:
    """Keep a section; the caller audits the change in the same transaction."""
    values = section.model_dump(exclude={"intervals", "password"})
    key = _key(type(section))
    if isinstance(section, Smtp):
        values["password"] = secrets.seal(section.password.get_secret_value(), "setting", key, "password")
    with transaction():
        if isinstance(section, Cron):
            _write_intervals(section.intervals)
        Setting.insert(key=key, value=values).on_conflict(
            conflict_target=[Setting.key], preserve=[Setting.value]
        ).execute()


def _key(section: type[SettingsSection]) -> str:
    return section.__name__.lower()


def _intervals() -> dict[str, int]:
    kept = {row.name: row.interval_minutes for row in TaskState.select() if row.name in INTERVALS}
    return {**INTERVALS, **kept}


def _write_intervals(intervals: dict[str, int]) -> None:
    for name, minutes in intervals.items():
        TaskState.insert(name=name, interval_minutes=minutes).on_conflict(
            conflict_target=[TaskState.name], preserve=[TaskState.interval_minutes]
        ).execute()
