"""Answers by Idempotency-Key, and the order number of a billing system at its service."""

from __future__ import annotations

from typing import Any

from peewee import PostgresqlDatabase

_STATEMENTS = (
    'ALTER TABLE "service" ADD COLUMN "external_ref" TEXT NOT NULL DEFAULT \'\'',
    'CREATE INDEX "service_external_ref" ON "service" ("external_ref") WHERE external_ref <> \'\'',
    'CREATE TABLE "answered" ("id" {key}, "token" INTEGER NOT NULL, "key" TEXT NOT NULL, "digest" TEXT NOT NULL, '
    '"status" INTEGER NOT NULL, "answer" TEXT NOT NULL, "at" {long} NOT NULL)',
    'CREATE INDEX "answered_at" ON "answered" ("at")',
    'CREATE UNIQUE INDEX "answered_token_key" ON "answered" ("token", "key")',
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
