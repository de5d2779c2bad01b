"""The configuration: environment over config.toml over defaults, checked as a whole before a start."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine import clock
from engine import operators as logins
from engine.consoles import console_options as consoles
from engine.errors import Refused
from engine.notify import settings as notifications
from engine.operators import ACCOUNT, Operators
from engine.roles import Role
from engine.validation import sentence
from kvmtui import logs, paths
from kvmtui.api.settings import ApiSettings
from kvmtui.web.settings import WebSettings

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Config(BaseModel):
    """Everything that is set outside the database."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database: str = Field(
        "",
        repr=False,  # it may hold a password
        description="`sqlite:///PATH` or `postgresql://…`; by default kvmtui.db in the site's data folder.",
    )
    secret_key_file: Path = Field(
        Path(),
        description="The key that seals stored secrets; by default secret.key. Relative to this file.",
    )
    log_level: Level = Field("INFO", description="How much the log file holds.")
    site_name: str = Field(
        "kvmtui", min_length=1, max_length=60, description="Name of the site in the header of the console."
    )
    theme: str = Field(
        "",
        max_length=60,
        description="Colours of the console: `dark`, `light`, `high-contrast`, `16`, or a file of the folder `themes`.",
    )
    keymap: dict[str, str] = Field(
        default_factory=dict,
        description="Keys of your own: name of an action = keys, separated by commas.",
    )
    low_bandwidth: bool = Field(False, description="Optimise the console for slow links.")
    time_zone: str = Field(
        "UTC", description="Time zone of schedules, local dates and billing months, such as `Europe/Warsaw`."
    )
    operators: dict[str, Role] = Field(
        default_factory=dict,
        description="Roles of operators: login name = `viewer`, `support`, `operator` or `owner`.",
    )
    default_operator: Role = Field(Role.OWNER, description="Role of logins that `operators` does not list.")
    service_account: str = Field(
        ACCOUNT,
        min_length=1,
        max_length=64,
        description="Account that kvmtui runs as on a shared host; the login of an operator is then that of sudo.",
    )
    console: consoles.ConsoleSettings = Field(
        default_factory=consoles.ConsoleSettings, description="Serial and noVNC consoles of VMs."
    )
    api: ApiSettings = Field(default_factory=ApiSettings, description="The HTTP API.")
    web: WebSettings = Field(default_factory=WebSettings, description="The console in a browser.")
    notify: notifications.NotifySettings = Field(
        default_factory=notifications.NotifySettings, description="Notifications for operators."
    )
    log_file: Path = Path()
    home: Path | None = None
    templates: Path = Field(
        Path(),
        description="Folder of your own mail templates; by default `templates`. Relative to this file.",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, given: Any) -> Any:
        return given.upper() if isinstance(given, str) else given

    @field_validator("operators", "default_operator")
    @classmethod
    def _of_people(cls, given: dict[str, Role] | Role) -> dict[str, Role] | Role:
        if Role.METRICS in (given.values() if isinstance(given, dict) else (given,)):
            raise ValueError("metrics is a role of tokens; give viewer, support, operator or owner")
        return given

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no time zone is named '{given}'; write one like Europe/Warsaw") from error
        return given

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the site."""
        return ZoneInfo(self.time_zone)


PLACED = ("log_file", "home")
"""Settings that follow from KVMTUI_HOME and cannot be in the file."""
_VARIABLES = {
    "KVMTUI_DB": "database",
    "KVMTUI_SECRET_KEY_FILE": "secret_key_file",
    "KVMTUI_LOG_LEVEL": "log_level",
}


def load(environment: Mapping[str, str] | None = None) -> Config:
    """The configuration of this process, or a sentence for every fault in it."""
    environment = os.environ if environment is None else environment
    where = paths.directories(environment)
    written = _read(where.config_file)
    _refuse_unknown(where.config_file, written)
    named = {key: environment[variable] for variable, key in _VARIABLES.items() if environment.get(variable)}
    values = {
        **_defaults(where),
        **_from_file(where.config_file, written),
        **named,
        "log_file": where.log_file,
        "home": where.home,
    }
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise Refused(_sentences(where.config_file, named, error)) from None


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


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Refused(f"The configuration {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: it is not TOML: {error}.") from error


def _refuse_unknown(file: Path, written: Mapping[str, Any]) -> None:
    known = [name for name in Config.model_fields if name not in PLACED]
    for name in written:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f" Did you mean '{near[0]}'?" if near else f" The settings are {', '.join(known)}."
            raise Refused(f"{file}: {name}: unknown setting.{hint}")


def _from_file(file: Path, written: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says; relative paths are meant from its folder."""
    values = dict(written)
    for name in ("secret_key_file", "templates"):
        if isinstance(values.get(name), str):
            values[name] = file.parent / Path(values[name]).expanduser()
    for section, name in (("console", "novnc"), ("api", "tls_cert"), ("api", "tls_key")):
        given = values.get(section)
        if isinstance(given, dict) and isinstance(given.get(name), str):
            values[section] = given | {name: file.parent / Path(given[name]).expanduser()}
    if _holds_a_password(values):
        from engine.store import files

        files.refuse_wider(file, "configuration, which holds a password,")
    return values


def _holds_a_password(values: Mapping[str, Any]) -> bool:
    database, notify = values.get("database"), values.get("notify")
    if isinstance(database, str) and ":" in database.rpartition("@")[0].partition("//")[2]:
        return True
    targets = notify.get("targets") if isinstance(notify, dict) else None
    found = targets.values() if isinstance(targets, dict) else ()
    return any(isinstance(each, dict) and "://" in str(each.get("url")) for each in found)


def _sentences(file: Path, named: Mapping[str, str], error: ValidationError) -> str:
    variables = {key: variable for variable, key in _VARIABLES.items() if key in named}
    lines = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"])
        source = variables.get(place) or f"{file}: {place}"
        lines.append(f"{source}: {sentence(fault)}")
    return "\n".join(lines)
