"""`[notify]` of config.toml: who is notified, of what, and when not; set once when the site is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.notify import urls
from engine.notify.quiet import QuietHours, quiet_hours
from engine.webhooks.catalog import Level

RANKS: dict[str, int] = {"info": 0, "warning": 1, "critical": 2}
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
_HOURS = "Hours such as `22:00-07:00` during which only critical notifications are sent"
_ZONE = "Time zone of the quiet hours"


def _checked_hours(given: str) -> str:
    quiet_hours(given)
    return given


def _checked_zone(given: str) -> str:
    try:
        return given and ZoneInfo(given).key
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is named '{given}'; write one like Europe/Warsaw") from error


class NotifyTarget(BaseModel):
    """One receiver of notifications."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(
        repr=False,  # most hold a password
        min_length=1,
        max_length=2000,
        description="Apprise URL, such as `ntfys://ntfy.sh/topic`; `env:NAME` or `file:PATH` reads it from there.",
    )
    level: Level = Field("info", description="Send what is at least this urgent: info, warning or critical.")
    quiet_hours: str = Field("", description=f"{_HOURS}; empty: those of `[notify]`, `none`: no quiet hours.")
    time_zone: str = Field("", description=f"{_ZONE}; empty: that of `[notify]`.")

    @field_validator("url")
    @classmethod
    def _a_url(cls, given: str) -> str:
        return urls.check(given)

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, given: str) -> str:
        return given if given == "none" else _checked_hours(given)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, given: str) -> str:
        return _checked_zone(given)


class NotifySettings(BaseModel):
    """Notifications for operators."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    quiet_hours: str = Field("", description=f"{_HOURS}; the rest follows as one digest when they end.")
    time_zone: str = Field("", description=f"{_ZONE}; empty: that of the site.")
    targets: dict[Annotated[str, Field(pattern=_NAME)], NotifyTarget] = Field(
        default_factory=dict, max_length=20, description="Receivers of notifications by name."
    )

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, given: str) -> str:
        return _checked_hours(given)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, given: str) -> str:
        return _checked_zone(given)


@dataclass(frozen=True, slots=True)
class Receiver:
    """A target as it is used: its own settings over those of `[notify]` over those of the site."""

    name: str
    url: str  # as it is written in config.toml
    level: Level
    quiet: QuietHours | None
    hours: str
    zone: ZoneInfo

    def wants(self, level: str) -> bool:
        """Whether it is notified of events of this level."""
        return RANKS[level] >= RANKS[self.level]


_receivers: dict[str, Receiver] = {}
_folder = Path()
_site = "kvmtui"


def use(settings: NotifySettings, folder: Path, site: str, time_zone: str) -> None:
    """From now on these targets are notified; `folder` is where relative `file:` paths begin."""
    global _receivers, _folder, _site
    _folder, _site = folder, site
    _receivers = {name: _receiver(name, each, settings, time_zone) for name, each in settings.targets.items()}


def receivers() -> dict[str, Receiver]:
    """The targets of the open site by name."""
    return _receivers


def url_of(receiver: Receiver) -> str:
    """The URL of a target itself; Refused when it cannot be read."""
    return urls.read(receiver.url, _folder)


def site_name() -> str:
    """What messages begin with."""
    return _site


def _receiver(name: str, target: NotifyTarget, settings: NotifySettings, time_zone: str) -> Receiver:
    hours = "" if target.quiet_hours == "none" else target.quiet_hours or settings.quiet_hours
    zone = ZoneInfo(target.time_zone or settings.time_zone or time_zone)
    return Receiver(name, target.url, target.level, quiet_hours(hours), hours, zone)
