"""Hot statements: the SQL of each is built once for a kind of database, then run with other values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from peewee import SQL, Model

from engine.store.database import database, execute, is_postgres

Row = TypeVar("Row")


class Compiled(Generic[Row]):
    """A select whose values are the arguments of `make`, each used once and in their order.

    `make` is called with marks in place of the values, to find out where they are in the SQL. `convert` makes what
    `rows` returns of what the database does.
    """

    def __init__(
        self, make: Callable[..., Any], values: int, convert: Callable[[Any], Row] | None = None
    ) -> None:
        self._make, self._values, self._convert = make, values, convert
        self._built: dict[bool, tuple[Any, str, list[Any]]] = {}

    def rows(self, *values: Any) -> list[Row]:
        """The rows for these values."""
        query, sql, params = self._of(is_postgres())
        given = [values[place] if (place := _place(each)) is not None else each for each in params]
        found = query._get_cursor_wrapper(database.execute_sql(sql, given))
        return list(found) if self._convert is None else list(map(self._convert, found))

    def first(self, *values: Any) -> Row | None:
        """The first of the rows for these values."""
        return next(iter(self.rows(*values)), None)

    def _of(self, postgres: bool) -> tuple[Any, str, list[Any]]:
        if postgres not in self._built:
            query = self._make(*(_Place(f"value {number}") for number in range(self._values)))
            sql, params = query.sql()
            self._built[postgres] = (query, sql, params)
        return self._built[postgres]


class _Place(str):
    """Where the value with this number stands; whole numbers and texts take it as it is."""


def _place(param: Any) -> int | None:
    return int(param.split()[1]) if type(param) is _Place else None


def insert_rows(table: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have the same fields; a field that is left out has its default.

    For a single row, the SQL is built once. A value may be an SQL expression that is the same in every call.
    """
    if len(rows) != 1:
        table.insert_many(rows).execute()
        return
    meta = table._meta
    values: dict[str, Any] = meta.get_default_dict() | dict(rows[0])
    sql = _insert(table, tuple((name, _expression(value)) for name, value in values.items()))
    fields = meta.fields
    given = [fields[name].db_value(value) for name, value in values.items() if not isinstance(value, SQL)]
    execute(sql, *given)


def _expression(value: Any) -> str:
    return value.sql if isinstance(value, SQL) else ""


@cache
def _insert(table: type[Model], columns: tuple[tuple[str, str], ...]) -> str:
    meta = table._meta
    names = ", ".join(f'"{meta.fields[name].column_name}"' for name, _ in columns)
    values = ", ".join(expression or "?" for _, expression in columns)
    return f'INSERT INTO "{meta.table_name}" ({names}) VALUES ({values})'  # noqa: S608 - names of ours alone
