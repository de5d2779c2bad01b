"""The site's settings, typed: one dataclass per section, checked by the same rules whenever it is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Annotated, Literal, TypeVar, cast

from engine.checked import Check, CheckedSettings, checked, setting
from engine.store import secrets
from engine.store.compiled import Compiled
from engine.store.database import database, session, transaction
from engine.store.models import Setting, TaskState

_YEAR = 366 * 24 * 60
Minutes = Annotated[int, Check(ge=0, le=_YEAR)]
Days = Annotated[int, Check(ge=0, le=3660)]
Percent = Annotated[int, Check(ge=1, le=100)]

INTERVALS = {
    "processVirtualMachines": 1,
    "removeOldSnapshots": 5,
    "restoreBackupStatus": 1,
    "nowBackupStatus": 1,
    "scheduleBackup": 5,
    "collectingStatistics": 60,
}


@dataclass(frozen=True)
class General(CheckedSettings):
    """How long a call to Proxmox may take, and whether a new VM moves to its target node."""

    default_timeout: int = setting(10, "seconds for an ordinary call", ge=1, le=300)
    heavy_timeout: int = setting(60, "seconds for a heavy call", ge=1, le=600)
    post_clone_migration: bool = setting(True, "move a fresh clone to its target node")
    migration_timeout: int = setting(300, "seconds a migration may take", ge=1, le=86_400)


@dataclass(frozen=True)
class Cron(CheckedSettings):
    """How often each task runs; 0 switches it off."""

    lock_timeout: int = setting(600, "seconds after which a lock is taken over", ge=10, le=86_400)
    intervals: dict[str, Minutes] = setting(lambda: dict(INTERVALS))

    def __post_init__(self) -> None:
        unknown = sorted(self.intervals.keys() - INTERVALS.keys())
        if unknown:
            raise ValueError(f"no task is named '{unknown[0]}'; the tasks are {', '.join(INTERVALS)}")
        object.__setattr__(self, "intervals", {**INTERVALS, **self.intervals})


@dataclass(frozen=True)
class Smtp(CheckedSettings):
    """The mail server the console sends through; without a host no mail is sent."""

    host: str = setting("", max_length=253)
    port: int = setting(25, ge=1, le=65_535)
    security: Literal["none", "starttls", "tls"] = "none"
    sender: str = setting("", max_length=320)
    username: str = setting("", max_length=320)
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Retention(CheckedSettings):
    """How many days what has ended is kept; 0 keeps it forever. The audit is archived by hand."""

    events_days: Days = 14
    journal_days: Days = 30
    runs_days: Days = 30
    runs_kept: int = setting(50, "newest runs of a VM that are kept whatever their age", ge=1, le=50)
    requests_days: Days = 30
    mails_days: Days = 30
    traffic_hours_days: Days = 7
    capacity_days: Days = 1


@dataclass(frozen=True)
class Thresholds(CheckedSettings):
    """From where on something is an alert: too full, or expiring soon."""

    pool_percent: Percent = 80
    storage_percent: Percent = 80
    node_percent: Percent = 80
    full_days: int = setting(7, "days until full that raise an alert; 0 raises none", ge=0, le=365)
    certificate_days: int = setting(
        21, "days until a certificate expires that raise an alert; 0 raises none", ge=0, le=365
    )


Section = TypeVar("Section", General, Cron, Smtp, Retention, Thresholds)


_BY_KEY: Compiled[Setting] = Compiled(lambda key: Setting.select().where(Setting.key == key), 1)


def read(section: type[Section]) -> Section:
    """A section as it stands, defaults where nothing was set."""
    with session():
        row = _BY_KEY.first(_key(section))
        values = dict(row.value) if row else {}
        if section is Cron:
            values["intervals"] = _intervals()
    if values.get("password"):
        values["password"] = secrets.unseal(values["password"], "setting", _key(section), "password")
    return section(**values)


RECENT_S = 1.0
_recent: dict[type[CheckedSettings], tuple[float, object, CheckedSettings]] = {}


def read_recent(section: type[Section]) -> Section:
    """A section as it stood at most a second ago, for what asks at every step."""
    known = _recent.get(section)
    if known is None or known[1] is not database.obj or monotonic() - known[0] > RECENT_S:
        known = _recent[section] = (monotonic(), database.obj, read(section))
    return cast(Section, known[2])


def write(section: CheckedSettings) -> None:
    """Keep a section once it is checked; the caller audits the change in the same transaction."""
    _recent.clear()
    section = checked(type(section), vars(section))
    key = _key(type(section))
    values = asdict(section)  # type: ignore[call-overload]
    if isinstance(section, Smtp):
        values["password"] = secrets.seal(section.password, "setting", key, "password")
    intervals = values.pop("intervals", {})
    with transaction():
        _write_intervals(intervals)
        Setting.insert(key=key, value=values).on_conflict(
            conflict_target=[Setting.key], preserve=[Setting.value]
        ).execute()


def _key(section: type[CheckedSettings]) -> str:
    return section.__name__.lower()


def _intervals() -> dict[str, int]:
    kept = {row.name: row.interval_minutes for row in TaskState.select() if row.name in INTERVALS}
    return {**INTERVALS, **kept}


def _write_intervals(intervals: dict[str, int]) -> None:
    for name, minutes in intervals.items():
        TaskState.insert(name=name, interval_minutes=minutes).on_conflict(
            conflict_target=[TaskState.name], preserve=[TaskState.interval_minutes]
        ).execute()
