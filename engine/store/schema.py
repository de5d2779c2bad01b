"""The statements that make every table, taken from the models.

The first migration holds a frozen copy of these, one file per database; a test keeps the two equal.
`python -m engine.store.schema` writes that copy anew, which is right only until a release has it;
with the name of a dialect it prints the statements.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from peewee import PostgresqlDatabase, SqliteDatabase

from engine.store.models import TABLES

SEPARATOR = ";\n"
DIALECTS = ("sqlite", "postgresql")

# Who did what stays as it was written, even for a hand with an SQL prompt.
_SQLITE_GUARDS = tuple(
    f'CREATE TRIGGER "audit_no_{verb.lower()}" BEFORE {verb} ON "audit" '
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
_POSTGRES_GUARDS = (
    'CREATE FUNCTION "audit_append_only"() RETURNS trigger LANGUAGE plpgsql AS '
    "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
    'CREATE TRIGGER "audit_no_change" BEFORE UPDATE OR DELETE ON "audit" '
    'FOR EACH ROW EXECUTE FUNCTION "audit_append_only"()',
    'CREATE TRIGGER "audit_no_truncate" BEFORE TRUNCATE ON "audit" '
    'FOR EACH STATEMENT EXECUTE FUNCTION "audit_append_only"()',
)


def statements(database: Any) -> list[str]:
    """CREATE TABLE, INDEX and TRIGGER of every model in this database's dialect, in order."""
    made: list[str] = []
    for table in TABLES:
        with table.bind_ctx(database, bind_refs=False, bind_backrefs=False):
            manager: Any = vars(table)["_schema"]
            contexts = [manager._create_table(safe=False), *manager._create_indexes(safe=False)]
            made.extend(_text(context) for context in contexts)
    made.extend(_POSTGRES_GUARDS if isinstance(database, PostgresqlDatabase) else _SQLITE_GUARDS)
    return made


def script(name: str) -> str:
    """The whole schema of one dialect as the text the first migration keeps."""
    return SEPARATOR.join(statements(dialect(name))) + SEPARATOR


def _text(context: Any) -> str:
    sql, params = context.query()
    assert not params, f"a statement with parameters cannot be frozen: {sql}"
    return str(sql)


def dialect(name: str) -> Any:
    """An unconnected database of that name, for making statements."""
    return PostgresqlDatabase("none") if name == "postgresql" else SqliteDatabase(None)


def freeze() -> None:
    """Write the first migration's statements anew, both dialects or neither."""
    texts = {name: script(name) for name in DIALECTS}
    for name, text in texts.items():
        target = Path(__file__).with_name("migrations") / f"0001_initial.{name}.sql"
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(script(sys.argv[1]))
    else:
        freeze()
