"""What came back from Proxmox, checked before anybody uses it: a wrong shape is a sentence, never a KeyError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .faults import Attempt, odd_answer

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ProxmoxAnswer:
    """The `data` of a successful answer, with the request and the host that answered."""

    data: object
    attempt: Attempt

    def mapping(self) -> Row:
        """The data as an object."""
        if not isinstance(self.data, dict):
            raise self._odd("an object")
        return self.data

    def rows(self) -> tuple[Row, ...]:
        """The data as a list of objects."""
        if not isinstance(self.data, list) or not all(isinstance(row, dict) for row in self.data):
            raise self._odd("a list of nothing but objects")
        return tuple(self.data)

    def upid(self) -> str:
        """The data as the name of a task."""
        if not isinstance(self.data, str) or not self.data.startswith("UPID:"):
            raise self._odd("the name of a task (UPID)")
        return self.data

    def upid_or_none(self) -> str | None:
        """The name of a task, or None when Proxmox did the work at once."""
        return None if self.data is None else self.upid()

    def nothing(self) -> None:
        """An answer without data; what a server adds to it is ignored."""

    def _odd(self, wanted: str) -> Exception:
        return odd_answer(self.attempt, f"{wanted} was expected, {_named(self.data)} came")


def _named(data: object) -> str:
    if data is None:
        return "nothing"
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a yes/no",
        int: "a number",
        float: "a number",
    }
    return names.get(type(data), "something else")


def text_of(row: Row, key: str, default: str = "") -> str:
    """A value as text, whatever type this version of Proxmox sends it in."""
    value = row.get(key)
    return default if value is None or isinstance(value, dict | list) else str(value)


def maybe_text(row: Row, key: str) -> str | None:
    """A value as text, or None when it is absent."""
    return text_of(row, key) if row.get(key) is not None else None


def number_of(row: Row, key: str) -> float | None:
    """A value as a number, or None when it is absent or none."""
    value = row.get(key)
    if not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def int_of(row: Row, key: str, default: int = 0) -> int:
    """A value as a whole number, or the default."""
    number = number_of(row, key)
    return default if number is None or number != number or abs(number) == float("inf") else int(number)


def flag_of(row: Row, key: str, default: bool = False) -> bool:
    """A value as yes or no; Proxmox writes 1, "1", true and on."""
    value = row.get(key)
    if value is None:
        return default
    return str(value).lower() in ("1", "true", "yes", "on")
