"""The statements that make every table, taken from the models.

The first migration holds a frozen copy of these, one file per database; a test keeps the two equal.
Run as a module it prints them: `python -m engine.store.schema sqlite`.
"""

from __future__ import annotations

import sys
from typing import Any

from peewee import PostgresqlDatabase, SqliteDatabase

from engine.store.models import TABLES


def statements(database: Any) -> list[str]:
    """CREATE TABLE and CREATE INDEX of every model in this database's dialect, in order."""
    made: list[str] = []
    for table in TABLES:
        with table.bind_ctx(database, bind_refs=False, bind_backrefs=False):
            manager = table._schema
            contexts = [manager._create_table(safe=False), *manager._create_indexes(safe=False)]
            made.extend(_text(context) for context in contexts)
    return made


def _text(context: Any) -> str:
    sql, params = context.query()
    assert not params, f"a statement with parameters cannot be frozen: {sql}"
    return str(sql)


def dialect(name: str) -> Any:
    """An unconnected database of that name, for making statements."""
    return PostgresqlDatabase("none") if name == "postgresql" else SqliteDatabase(None)


if __name__ == "__main__":
    sys.stdout.write(";\n".join(statements(dialect(sys.argv[1]))) + ";\n")
