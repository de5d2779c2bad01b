"""What a row of the audit says was changed: each value before beside the one after, and the circumstances.

Requests about a VM note how it stood (`vm_status`, `service_status`) and, under `was`, what they replaced;
everything else keeps the old values in `before` and the new ones in `after`. Here both read the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.clock import stamp

_MOST_WORDS = 6
_FIRST_MS, _END_MS = 1_000_000_000_000, 100_000_000_000_000
"""Numbers between these, the years 2001 to 5138, are shown as times."""
_EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One value: before and after; None stands for not there."""

    name: str
    old: Any
    new: Any


def changed(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ValueChange]:
    """The values that a row of the audit says were changed, by name; nested ones by dotted names."""
    old, new = (
        _flat(dict(_replaced(kind, before, after))),
        _flat({k: v for k, v in after.items() if k != "was"}),
    )
    names = [*new, *(name for name in old if name not in new)]
    return [
        ValueChange(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    ]


def circumstances(kind: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """How a VM stood when something was asked of it; nothing for other objects."""
    return dict(before) if kind == "vm" else {}


def in_words(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What was changed on one line: `cores 1 -> 2, memory 1024 -> 2048`; a long list is cut and says so.

    What was empty before and after is left out: a new object has many such values.
    """
    found = [each for each in changed(kind, before, after) if each.old is not None or each.new not in _EMPTY]
    words = ", ".join(_word(each) for each in found[:_MOST_WORDS])
    return words + (f" and {len(found) - _MOST_WORDS} more" if len(found) > _MOST_WORDS else "")


def shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "—"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _replaced(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The old values: those under `was`, and those of `before` that are not mere circumstances."""
    was = after.get("was")
    if isinstance(was, Mapping):
        yield from was.items()
    elif was is not None:
        single = [name for name in after if name != "was"]
        yield (single[-1] if single else "value"), was
    yield from (item for item in before.items() if kind != "vm" or item[0] in after)


def _flat(values: Mapping[str, Any], owner: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{owner}{name}."))
        else:
            found[f"{owner}{name}"] = _moment(value) if name.endswith("_at") else value
    return found


def _moment(value: Any) -> Any:
    """A time that is kept as milliseconds, as people read it."""
    return f"{stamp(value)} UTC" if isinstance(value, int) and _FIRST_MS <= value < _END_MS else value


def _word(each: ValueChange) -> str:
    if each.old is None:
        return f"{each.name} {shown(each.new)}"
    return f"{each.name} {shown(each.old)} -> {shown(each.new)}"
