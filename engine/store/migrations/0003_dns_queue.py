"""Makes the ledger of DNS records a queue, adds the leases and outages of remote servers, and lets a zone be at any
provider.

Records that were owed, to be deleted or in conflict are due at once: they are retried without an operator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peewee import PostgresqlDatabase


def up(_migrator: Any, db: Any) -> None:
    """Run the frozen statements of this database's dialect, one by one."""
    dialect = "postgresql" if isinstance(db, PostgresqlDatabase) else "sqlite"
    frozen = Path(__file__).with_name(f"0003_dns_queue.{dialect}.sql").read_text(encoding="utf-8")
    for statement in frozen.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)
