"""Reads config.toml and checks it, together with the variables that override it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.checked import checked
from engine.errors import Refused
from engine.nearest import nearest
from engine.validation import sentence
from kvmtui.config import VARIABLES, Config

PLACED = ("log_file", "home")
"""Settings that follow from KVMTUI_HOME and cannot be in the file."""


def load(file: Path, placed: Mapping[str, Any], named: Mapping[str, str]) -> Config:
    """The settings of the file over those placed by KVMTUI_HOME, under those named by variables; refused if wrong."""
    written = _read(file)
    _refuse_unknown(file, written)
    values = {**placed, **_from_file(file, written), **named}
    if isinstance(level := values.get("log_level"), str):
        values["log_level"] = level.upper()
    try:
        return checked(Config, values)
    except ValidationError as error:
        raise Refused(_sentences(file, named, error)) from None


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
    known = [each.name for each in fields(Config) if each.name not in PLACED]
    for name in written:
        if name not in known:
            hint = nearest(name, known) or f" The settings are {', '.join(known)}."
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
    variables = {key: variable for variable, key in VARIABLES.items() if key in named}
    lines = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"])
        source = variables.get(place) or f"{file}: {place}"
        lines.append(f"{source}: {sentence(fault)}")
    return "\n".join(lines)
