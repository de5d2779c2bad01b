"""The statements that create every table, taken from the models.

Databases are made by the migrations; a test compares what they make with these statements.
"""

from __future__ import annotations

from typing import Any

from peewee import PostgresqlDatabase

from engine.store.models import TABLES

# Audit rows cannot be changed, not even from an SQL prompt.
_SQLITE_GUARDS = (
    'CREATE TRIGGER "audit_no_update" BEFORE UPDATE ON "audit" '
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    'CREATE TRIGGER "audit_no_delete" BEFORE DELETE ON "audit" '
    'WHEN OLD."id" > (SELECT COALESCE(MAX("last_id"), 0) FROM "audit_archive") '
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
)
_POSTGRES_GUARDS = (
    'CREATE FUNCTION "audit_append_only"() RETURNS trigger LANGUAGE plpgsql AS '
    "$$ BEGIN IF TG_LEVEL = 'ROW' AND TG_OP = 'DELETE' THEN "
    'IF OLD."id" <= (SELECT COALESCE(MAX("last_id"), 0) FROM "audit_archive") THEN RETURN OLD; END IF; END IF; '
    "RAISE EXCEPTION 'the audit trail is append-only'; END $$",
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


def _text(context: Any) -> str:
    sql, params = context.query()
    assert not params, f"a statement with parameters cannot be frozen: {sql}"
    return str(sql)
