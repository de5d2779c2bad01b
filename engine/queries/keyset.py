"""Lists a page at a time by the place of the last item, so that a page costs the same however far it is."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.forms.faults import BadInput, Fault

T = TypeVar("T")
Place = tuple[Any, int]
"""The sort value and the number of an item."""


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """A page of a list, and what `after` takes to continue; None when it is the last."""

    items: list[T]
    next: str | None


def order(sort: str, known: Sequence[str]) -> tuple[str, bool]:
    """The field and whether it is descending, of `field` or `-field`; BadInput when it is unknown."""
    name = sort.removeprefix("-") or known[0]
    if name not in known:
        raise BadInput([Fault(("sort",), f"must be one of {', '.join(known)}, or one of them after -.")])
    return name, sort.startswith("-")


def slice_of(
    query: Any, row_id: Any, key: Any, number: Any, *, descending: bool, after: str, limit: int
) -> tuple[list[int], str | None]:
    """The ids of the rows that follow `after` in the order of `key`, then `number`; and where they end."""
    query = query.select(row_id, key, number)
    if after:
        value, place = decoded(after)
        beyond = key < value if descending else key > value
        query = query.where(beyond | ((key == value) & (number > place)))
    first = key.desc() if descending else key.asc()
    rows = list(query.order_by(first, number.asc()).limit(limit + 1).tuples())
    last = rows[limit - 1] if len(rows) > limit else None
    return [row[0] for row in rows[:limit]], encoded(last[1], last[2]) if last else None


def sliced(
    items: Sequence[T], place: Callable[[T], Place], *, descending: bool = False, after: str = "", limit: int
) -> Slice[T]:
    """The same for a short list that is already read."""
    ordered = sorted(items, key=lambda item: place(item)[1])
    ordered.sort(key=lambda item: place(item)[0], reverse=descending)
    if after:
        ordered = [item for item in ordered if _follows(place(item), decoded(after), descending)]
    more = len(ordered) > limit
    return Slice(ordered[:limit], encoded(*place(ordered[limit - 1])) if more else None)


def _follows(place: Place, after: Place, descending: bool) -> bool:
    try:
        beyond = place[0] < after[0] if descending else place[0] > after[0]
    except TypeError:
        raise _unknown() from None
    return bool(beyond or (place[0] == after[0] and place[1] > after[1]))


def encoded(value: Any, number: int) -> str:
    """A place as clients keep it."""
    text = json.dumps([value, number], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(text: str) -> Place:
    """The place behind a client's `after`; BadInput when it is none."""
    try:
        value, number = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        if isinstance(value, str):
            value.encode()
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise _unknown() from None
    numbers = [each for each in (value, number) if not isinstance(each, str)]
    if isinstance(number, str) or any(type(each) is not int or abs(each) >= 1 << 63 for each in numbers):
        raise _unknown()
    if isinstance(value, str) and "\x00" in value:
        raise _unknown()
    return value, number


def _unknown() -> BadInput:
    return BadInput([Fault(("after",), "is not the `next` of a page of this list.")])


def revision(*parts: Any) -> str:
    """A short fingerprint of a record's content, which changes whenever the content does."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
