"""When it was last unclear what of the changes that were sent reached a destination."""

from __future__ import annotations

from typing import Any

from peewee import PostgresqlDatabase


def up(_migrator: Any, db: Any) -> None:
    """Run the frozen statement with the types of this database."""
    long = "BIGINT" if isinstance(db, PostgresqlDatabase) else "INTEGER"
    db.execute_sql(f'ALTER TABLE "destination" ADD COLUMN "unsure_at" {long} NOT NULL DEFAULT 0')
