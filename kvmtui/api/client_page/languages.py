"""The texts of the page: one JSON file per language, and which one a client reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

FALLBACK = "en"
_OTHER_NAMES = {"no": "nb", "nn": "nb", "iw": "he"}


@cache
def codes() -> tuple[str, ...]:
    """The languages there are, by their codes."""
    folder = files(__package__).joinpath("languages")
    return tuple(
        sorted(each.name.removesuffix(".json") for each in folder.iterdir() if each.name.endswith(".json"))
    )


@cache
def texts(code: str) -> Mapping[str, str]:
    """The texts of a language by their names."""
    path = files(__package__).joinpath("languages", f"{code}.json")
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def nearest(*wanted: str) -> str:
    """The first of these languages that there is, by its code or the first part of it; English when there is none."""
    for each in wanted:
        code = each.strip().lower().replace("_", "-").partition(";")[0].split("-")[0]
        code = _OTHER_NAMES.get(code, code)
        if code in codes():
            return code
    return FALLBACK


class Words:
    """The texts of one language, with values in their places: `words("done", action=…)`."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._texts = texts(code)
        self.direction = self._texts["_direction"]

    def __call__(self, name: str, **values: Any) -> str:
        text = self._texts[name]
        return text.format(**values) if values else text
