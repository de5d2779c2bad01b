"""Finds rows by what operators call them; an unknown name is refused with the nearest one there is."""

from __future__ import annotations

from typing import Any, TypeVar

from engine.errors import NotFound
from engine.nearest import nearest
from engine.store.database import Row, session

R = TypeVar("R", bound=Row)


def found(table: type[R], condition: Any, what: str, inside: Any = None) -> R:
    """The one row of the condition; `what` names it in the refusal.

    With `inside`, the condition of an actor's scope, a row outside is refused, and suggested, like none at all.
    """
    with session():
        row = table.get_or_none(condition if inside is None else condition & inside)
        if row is None:
            raise NotFound(f"{what[:1].upper()}{what[1:]} not found.{_near(table, what, inside)}")
    result: R = row
    return result


def _near(table: type[Row], what: str, inside: Any) -> str:
    """The nearest name of the table to the one quoted in `what`."""
    column = getattr(table, "name", None)
    if column is None or "'" not in what:
        return ""
    query = table.select(column) if inside is None else table.select(column).where(inside)
    return nearest(what.split("'")[1], (name for (name,) in query.tuples()))
