"""Adds the table of links to, and sessions of, the clients' page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peewee import PostgresqlDatabase


def up(_migrator: Any, db: Any) -> None:
    """Run the frozen statements of this database's dialect, one by one."""
    dialect = "postgresql" if isinstance(db, PostgresqlDatabase) else "sqlite"
    frozen = Path(__file__).with_name(f"0008_client_sessions.{dialect}.sql").read_text(encoding="utf-8")
    for statement in frozen.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)
