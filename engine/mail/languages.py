"""The catalogues: one TOML file per language, and how a client's language finds its own.

A language looks for its own file, then for the one of its first part (`pt-BR`, `pt`), then takes English. An operator's
file of the same name goes before ours, text by text, so that it need hold only what it changes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.mail import template_folder

SHIPPED = Path(__file__).parent / "languages"
FALLBACK = "en"
_OTHER_NAMES = {"no": "nb", "nn": "nb", "iw": "he", "zh-tw": "zh", "zh-cn": "zh"}
_DIRECTIONS = ("ltr", "rtl")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language, by dotted names such as `ready.subject`."""

    language: str
    name: str
    direction: str
    texts: Mapping[str, str]


def languages(own_only: bool = False) -> list[Catalogue]:
    """Every language there is a file for, by its code; or those alone that the operator has a file for."""
    codes = set() if own_only else {path.stem for path in SHIPPED.glob("*.toml")}
    own = template_folder.folder()
    codes |= {path.stem for path in (own / "languages").glob("*.toml")} if own is not None else set()
    return [catalogue(code)[0] for code in sorted(codes)]


def catalogue(wanted: str) -> tuple[Catalogue, list[str]]:
    """The texts for a client's language, complete in any case, and what is to be reported about them."""
    code = _nearest(wanted)
    notes = []
    if code is None:
        notes.append(f"there is no catalogue for the language {wanted!r}; English is used")
        code = FALLBACK
    texts = {**shipped(FALLBACK), **shipped(code)}
    own = _own_file(code)
    if own is not None:
        texts |= _of_operator(own, notes)
    direction = texts["direction"] if texts["direction"] in _DIRECTIONS else "ltr"
    return Catalogue(code, texts["language"], direction, texts), notes


@cache
def shipped(code: str) -> Mapping[str, str]:
    """The texts of our own file; none when there is none."""
    path = SHIPPED / f"{code}.toml"
    return _flat(tomllib.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _of_operator(path: Path, notes: list[str]) -> dict[str, str]:
    """The operator's texts; a file that cannot be used is reported and ignored."""
    try:
        texts = _flat(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        notes.append(f"{path} cannot be used, the shipped texts go out instead: {error}")
        return {}
    known = shipped(FALLBACK)
    for key in sorted(texts.keys() - known.keys()):
        if "." in key and key.split(".")[0] != "own":
            notes.append(f"{path}: {key}: no mail has such a text")
    return texts


def _nearest(wanted: str) -> str | None:
    code = wanted.lower()
    code = _OTHER_NAMES.get(code, code)
    for candidate in (code, code.split("-")[0]):
        if candidate.replace("-", "").isalnum() and (shipped(candidate) or _own_file(candidate)):
            return candidate
    return None


def _own_file(code: str) -> Path | None:
    own = template_folder.folder()
    if own is None:
        return None
    path = own / "languages" / f"{code}.toml"
    return path if path.is_file() else None


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Tables as dotted names; what is no text is a fault."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            found[f"{prefix}{key}"] = value
        else:
            raise ValueError(f"{prefix}{key} is not a text")
    return found
