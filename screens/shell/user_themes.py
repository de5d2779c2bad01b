"""Themes of the operator's own: a file `themes/NAME.toml` beside config.toml, chosen with `theme = "NAME"`.

    base = "dark"                # dark, light or high-contrast; what is not named is taken from there
    [colors]
    background = "#101418"
    ok = "#7bd88f"

A file that cannot be used is one sentence, and the console keeps the colours it has.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from engine.errors import Refused
from screens.shell import themes
from screens.shell.contrast import READABLE, faint

PREFIX = "kvmtui-own-"
BASES = {name: ident for name, ident in themes.NAMES.items() if name != "16"}
_FIELDS = {"foreground": "foreground", "background": "background", "panel": "panel", "accent": "accent"} | {
    "ok": "success", "busy": "primary", "warn": "warning", "error": "error",
}  # fmt: skip
_VARIABLES = {
    "muted": "tone-muted",
    "cursor": "block-cursor-background",
    "cursor_text": "block-cursor-foreground",
    "mark": "mark-background",
}
COLORS = (*_FIELDS, *_VARIABLES)
"""The names of the colours in a file."""


def names(folder: Path | None) -> list[str]:
    """The themes there are files for; none while the folder is missing."""
    try:
        return sorted(each.stem for each in folder.glob("*.toml")) if folder is not None else []
    except OSError:
        return []


def load(folder: Path | None, name: str) -> Theme:
    """The theme of a file; refused with one sentence when there is none or it is wrong."""
    if folder is None or name not in names(folder):
        near = get_close_matches(name, [*themes.NAMES, *names(folder)], 1)
        hint = f"Did you mean {near[0]}?" if near else f"The themes are {', '.join(themes.NAMES)}."
        raise Refused(f"Theme '{name}' not found. {hint}")
    file = folder / f"{name}.toml"
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"Theme {file.name}: {getattr(error, 'strerror', None) or error}.") from error
    return _made(file, name, written)


def complaint(theme: Theme) -> str:
    """What is hard to read in a theme, in one sentence; empty when nothing is."""
    hard = faint(theme)
    if not hard:
        return ""
    more = f" and {len(hard) - 1} more" if len(hard) > 1 else ""
    return f"Theme {theme.name.removeprefix(PREFIX)} is hard to read: {hard[0]}{more}; {READABLE} is enough."


def _made(file: Path, name: str, written: dict[str, Any]) -> Theme:
    colors, base = written.pop("colors", {}), written.pop("base", "dark")
    _refuse_unknown(file, "", written, ("base", "colors"))
    if base not in tuple(BASES):
        raise Refused(f"Theme {file.name}: base: write one of {', '.join(BASES)}.")
    if not isinstance(colors, dict):
        raise Refused(f"Theme {file.name}: colors: write a table of colours, [colors].")
    _refuse_unknown(file, "colors.", colors, COLORS)
    for key, value in colors.items():
        _refuse_wrong(file, key, value)
    below = themes.theme(BASES[base])
    fields = {_FIELDS[key]: value for key, value in colors.items() if key in _FIELDS}
    variables = {_VARIABLES[key]: value for key, value in colors.items() if key in _VARIABLES}
    if {"cursor", "cursor_text"} & set(colors):
        variables["block-cursor-text-style"] = "none"
    if "background" in fields:
        fields["surface"] = fields["background"]
    return replace(below, name=PREFIX + name, variables=below.variables | variables, **fields)


def _refuse_unknown(file: Path, before: str, written: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in written:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Write {', '.join(known)}."
            raise Refused(f"Theme {file.name}: {before}{key}: unknown. {hint}")


def _refuse_wrong(file: Path, key: str, value: object) -> None:
    try:
        parsed = Color.parse(value) if isinstance(value, str) else None
    except ColorParseError:
        parsed = None
    if parsed is None or parsed.a < 1 or parsed.ansi is not None:
        raise Refused(f"Theme {file.name}: colors.{key}: not a colour. Write one like #74d6a4.")
