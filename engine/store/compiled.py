"""Hot statements: the SQL of each is built once for a kind of database, then run with other values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from itertools import chain
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
        self._readers: dict[bool, Callable[[Any], Any]] = {}

    def rows(self, *values: Any) -> list[Row]:
        """The rows for these values."""
        query, sql, params = self._of(is_postgres())
        given = [values[place] if (place := _place(each)) is not None else each for each in params]
        cursor = database.execute_sql(sql, given)
        found = cursor.fetchall()
        if not found:
            return []
        rows = map(self._reader(query, cursor), found)
        return list(rows if self._convert is None else map(self._convert, rows))

    def first(self, *values: Any) -> Row | None:
        """The first of the rows for these values."""
        return next(iter(self.rows(*values)), None)

    def _reader(self, query: Any, cursor: Any) -> Callable[[Any], Any]:
        """What makes a row of the query of one of the database; what it knows of the columns is found out once."""
        if (reader := self._readers.get(is_postgres())) is None:
            wrapper = query._get_cursor_wrapper(cursor)
            wrapper.initialize()
            wrapper.cursor = None  # it would keep the connection open
            reader = self._readers[is_postgres()] = wrapper.process_row
        return reader

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


class Insert:
    """An insert of any number of rows, given as the values of `columns` in their order; the types are PostgreSQL's.

    There the rows are one value, so that the statement is always the same one and the driver keeps it prepared.
    `under_lock` is a lock that PostgreSQL waits for before the first row has its number, `channel` what it notifies.
    """

    def __init__(
        self, table: str, columns: Mapping[str, str], under_lock: int | None = None, channel: str = ""
    ):
        self._into = f"INSERT INTO {table} ({', '.join(columns)})"
        self._types = tuple(columns.values())
        self._lock, self._channel = under_lock, channel

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert these rows in their order."""
        if is_postgres():
            execute(self._postgres, json.dumps(rows, ensure_ascii=False))
            return
        marks = f"({', '.join('?' * len(self._types))})"
        for start in range(0, len(rows), _MOST_AT_ONCE):
            some = rows[start : start + _MOST_AT_ONCE]
            execute(f"{self._into} VALUES {', '.join([marks] * len(some))}", *chain.from_iterable(some))

    @cached_property
    def _postgres(self) -> str:
        values = ", ".join(f"CAST(given->>{number} AS {kind})" for number, kind in enumerate(self._types))
        given = "json_array_elements(CAST(? AS JSON)) AS given"
        if self._lock is None:
            return f"{self._into} SELECT {values} FROM {given}"  # noqa: S608 - names of ours alone
        lock = f"WITH ordered AS MATERIALIZED (SELECT pg_advisory_xact_lock({self._lock})) "
        source = f"SELECT {values} FROM ordered, {given} "  # noqa: S608 - names of ours alone
        return f"{lock}{self._into} {source}RETURNING pg_notify('{self._channel}', '')"


_MOST_AT_ONCE = 100
