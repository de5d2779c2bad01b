"""Adds the notifications for operators."""

from __future__ import annotations

from typing import Any

from peewee import PostgresqlDatabase

_STATEMENTS = (
    'CREATE TABLE "notification" ("id" {key}, "target" TEXT NOT NULL, "type" TEXT NOT NULL, '
    "\"level\" TEXT NOT NULL CHECK (level IN ('info', 'warning', 'critical')), \"service\" INTEGER, "
    '"title" TEXT NOT NULL, "details" TEXT NOT NULL, '
    "\"state\" TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed')), \"attempts\" INTEGER NOT NULL, "
    '"error" TEXT NOT NULL, "created_at" {long} NOT NULL, "sent_at" {long})',
    'CREATE INDEX "notification_created_at" ON "notification" ("created_at")',
    'CREATE INDEX "notification_target_state_level" ON "notification" ("target", "state", "level")',
)


def up(_migrator: Any, db: Any) -> None:
    """Run the frozen statements with the types of this database."""
    types = (
        {"key": "SERIAL NOT NULL PRIMARY KEY", "long": "BIGINT"}
        if isinstance(db, PostgresqlDatabase)
        else {"key": "INTEGER NOT NULL PRIMARY KEY", "long": "INTEGER"}
    )
    for statement in _STATEMENTS:
        db.execute_sql(statement.format(**types))
