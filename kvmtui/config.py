"""The configuration: environment over config.toml over defaults, checked as a whole before a start.

A start without config.toml imports neither pydantic nor `kvmtui.config_file`, which read and check it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from engine import clock
from engine import operators as logins
from engine.checked import Check, CheckedSettings, setting
from engine.consoles import console_options as consoles
from engine.notify import settings as notifications
from engine.operators import ACCOUNT, Operators
from engine.roles import Role
from kvmtui import logs, paths
from kvmtui.api.settings import ApiSettings
from kvmtui.web.settings import WebSettings

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _of_people(given: Role) -> Role:
    if given is Role.METRICS:
        raise ValueError("metrics is a role of tokens; give viewer, support, operator or owner")
    return given


def _all_of_people(given: dict[str, Role]) -> dict[str, Role]:
    for each in given.values():
        _of_people(each)
    return given


def _known_zone(given: str) -> str:
    try:
        ZoneInfo(given)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is named '{given}'; write one like Europe/Warsaw") from error
    return given


@dataclass(frozen=True)
class Config(CheckedSettings):
    """Everything that is set outside the database."""

    database: str = field(
        default="",
        repr=False,  # it may hold a password
        metadata={
            "description": "`sqlite:///PATH` or `postgresql://…`; by default kvmtui.db in the site's data folder."
        },
    )
    secret_key_file: Path = setting(
        Path(), "The key that seals stored secrets; by default secret.key. Relative to this file."
    )
    log_level: Level = setting("INFO", "How much the log file holds.")
    site_name: str = setting(
        "kvmtui", "Name of the site in the header of the console.", min_length=1, max_length=60
    )
    theme: str = setting(
        "",
        "Colours of the console: `dark`, `light`, `high-contrast`, `16`, or a file of the folder `themes`.",
        max_length=60,
    )
    keymap: dict[str, str] = setting(dict, "Keys of your own: name of an action = keys, separated by commas.")
    low_bandwidth: bool = setting(False, "Optimise the console for slow links.")
    time_zone: Annotated[str, Check(_known_zone)] = setting(
        "UTC", "Time zone of schedules, local dates and billing months, such as `Europe/Warsaw`."
    )
    operators: Annotated[dict[str, Role], Check(_all_of_people)] = setting(
        dict, "Roles of operators: login name = `viewer`, `support`, `operator` or `owner`."
    )
    default_operator: Annotated[Role, Check(_of_people)] = setting(
        Role.OWNER, "Role of logins that `operators` does not list."
    )
    service_account: str = setting(
        ACCOUNT,
        "Account that kvmtui runs as on a shared host; the login of an operator is then that of sudo.",
        min_length=1,
        max_length=64,
    )
    console: consoles.ConsoleSettings = setting(consoles.ConsoleSettings, "Serial and noVNC consoles of VMs.")
    api: ApiSettings = setting(ApiSettings, "The HTTP API.")
    web: WebSettings = setting(WebSettings, "The console in a browser.")
    notify: notifications.NotifySettings = setting(
        notifications.NotifySettings, "Notifications for operators."
    )
    log_file: Path = Path()
    home: Path | None = None
    templates: Path = setting(
        Path(), "Folder of your own mail templates; by default `templates`. Relative to this file."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the site."""
        return ZoneInfo(self.time_zone)


VARIABLES = {
    "KVMTUI_DB": "database",
    "KVMTUI_SECRET_KEY_FILE": "secret_key_file",
    "KVMTUI_LOG_LEVEL": "log_level",
}


def load(environment: Mapping[str, str] | None = None) -> Config:
    """The configuration of this process, or a sentence for every fault in it."""
    environment = os.environ if environment is None else environment
    where = paths.directories(environment)
    placed = _defaults(where) | {"log_file": where.log_file, "home": where.home}
    named = {key: environment[variable] for variable, key in VARIABLES.items() if environment.get(variable)}
    if not named and _is_missing(where.config_file):
        return Config(**placed)
    from kvmtui import config_file

    return config_file.load(where.config_file, placed, named)


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        pass  # whoever reads it says why that fails
    return False


def open_site(config: Config) -> None:
    """Folders, log, database, migrations and key: the one call every verb, daemon and console begins with."""
    from engine.mail.template_folder import use_folder
    from engine.store import secrets
    from engine.store.migrate import migrate
    from engine.webhooks import recording

    recording.use()
    use_operators(config)
    use_notifications(config)
    use_folder(config.templates)
    clock.use_zone(config.time_zone)
    consoles.use(config.console, novnc_folder(config), _beside(paths.directories({}).database_file))
    reach_database(config)
    migrate()
    secrets.use_key_file(config.secret_key_file)


def use_operators(config: Config) -> None:
    """Let the engine look up roles in this configuration."""
    logins.use(Operators(config.operators, config.default_operator, config.service_account))


def use_notifications(config: Config) -> None:
    """Notify the targets of this configuration from now on."""
    folder = paths.directories(_environment_of(config)).config_file.parent
    notifications.use(config.notify, folder, config.site_name, config.time_zone)


def reach_database(config: Config) -> None:
    """Folders, log and the database as it is, not migrated: for looking at it before anything else."""
    from engine.store.database import open_database

    paths.prepare(paths.directories(_environment_of(config)))
    logs.start(config.log_file, config.log_level)
    open_database(config.database)


def novnc_folder(config: Config) -> Path:
    """Where a noVNC of our own is kept: beside the database."""
    return _beside(paths.directories(_environment_of(config)).database_file)


def theme_folder(config: Config) -> Path:
    """The folder of the operator's own themes: beside config.toml."""
    return paths.directories(_environment_of(config)).config_file.parent / "themes"


def _beside(database_file: Path) -> Path:
    return database_file.parent / "novnc"


def close_site() -> None:
    """Let go of database, key and log."""
    from engine.store import secrets
    from engine.store.database import close_database

    close_database()
    secrets.forget_key()
    logs.stop()


def reread(config: Config) -> None:
    """Take over what can change while running: the log level, the roles of operators and the notifications."""
    use_operators(config)
    use_notifications(config)
    logs.set_level(config.log_level)


def _environment_of(config: Config) -> Mapping[str, str]:
    return {"KVMTUI_HOME": str(config.home)} if config.home else {}


def _defaults(where: paths.Directories) -> dict[str, Any]:
    from engine.store.urls import sqlite_url

    return {
        "database": sqlite_url(where.database_file),
        "secret_key_file": where.key_file,
        "templates": where.config_file.parent / "templates",
    }
