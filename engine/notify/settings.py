"""`[notify]` of config.toml: who is notified, of what, and when not; set once when the site is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from engine.checked import Check, CheckedSettings, setting
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


def _hours_or_none(given: str) -> str:
    return given if given == "none" else _checked_hours(given)


@dataclass(frozen=True)
class NotifyTarget(CheckedSettings):
    """One receiver of notifications."""

    url: Annotated[str, Check(urls.check, min_length=1, max_length=2000)] = field(
        repr=False,  # most hold a password
        metadata={
            "description": "Apprise URL, such as `ntfys://ntfy.sh/topic`; "
            "`env:NAME` or `file:PATH` reads it from there."
        },
    )
    level: Level = setting("info", "Send what is at least this urgent: info, warning or critical.")
    quiet_hours: Annotated[str, Check(_hours_or_none)] = setting(
        "", f"{_HOURS}; empty: those of `[notify]`, `none`: no quiet hours."
    )
    time_zone: Annotated[str, Check(_checked_zone)] = setting("", f"{_ZONE}; empty: that of `[notify]`.")


@dataclass(frozen=True)
class NotifySettings(CheckedSettings):
    """Notifications for operators."""

    quiet_hours: Annotated[str, Check(_checked_hours)] = setting(
        "", f"{_HOURS}; the rest follows as one digest when they end."
    )
    time_zone: Annotated[str, Check(_checked_zone)] = setting("", f"{_ZONE}; empty: that of the site.")
    targets: dict[Annotated[str, Check(pattern=_NAME)], NotifyTarget] = setting(
        dict, "Receivers of notifications by name.", max_length=20
    )


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
