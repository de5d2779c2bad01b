"""The names by which objects of a manifest refer to others, and those that nothing has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.nearest import nearest
from engine.queries.refs import names_of

REFERENCES = {
    "pools": {"server": "servers"},
    "products": {"server": "servers"},
    "services": {"client": "clients", "product": "products"},
}
"""The section that each referring key names an object of."""


class KnownNames:
    """The names that a document gives to its objects, sound or not, and those in the database."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._given: dict[str, set[str]] = {}
        self._stored: dict[str, list[str]] = {}

    def unknown(self, section: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Each key of an entry that names an unknown object, and the sentence about it."""
        for key, target in REFERENCES.get(section, {}).items():
            name = values.get(key)
            if isinstance(name, str) and not self._has(target, name):
                near = nearest(name, [*self._given[target], *self._stored[target]])
                yield key, f"{key.capitalize()} '{name}' not found.{near}"

    def _has(self, section: str, name: str) -> bool:
        if section not in self._given:
            self._given[section] = set(_names(self._document.get(section)))
        if name in self._given[section]:
            return True
        if section not in self._stored:
            self._stored[section] = names_of(section.removesuffix("s"), limit=None)
        return name in self._stored[section]


def _names(entries: Any) -> Iterator[str]:
    for values in entries if isinstance(entries, list) else ():
        if isinstance(values, Mapping) and isinstance(name := values.get("name"), str):
            yield name
