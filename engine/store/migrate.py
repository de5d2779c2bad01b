"""Brings a database to the schema this program knows, once, whoever else starts at the same moment.

Migrations are the numbered files in `migrations/`; the names of those that ran are kept in the database
itself. A database that is ahead of this program, or that belongs to another one, is left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import Failed, Refused
from engine.store.database import database, is_postgres, session, transaction
from engine.store.locks import Lock, exclusive

log = logging.getLogger(__name__)

HISTORY = "kvmtui_migration"
DIRECTORY = Path(__file__).with_name("migrations")


def migrate() -> list[str]:
    """Run what is pending and return its names; all of it or, after an error, none of it."""
    with session():
        if is_current():
            return []
        with _alone():
            refuse_foreign()
            return _run_pending()


def is_current() -> bool:
    """True when every migration this program knows has run; a newer database is refused."""
    known = _known()
    with session():
        applied = _applied()
    ahead = sorted(applied - known)
    if ahead:
        raise Refused(
            f"The database was made by a newer kvmtui (it has '{ahead[-1]}', which this version does not "
            "know); start that version instead. Nothing was changed."
        )
    return applied == known


def refuse_foreign() -> None:
    """Raise when the open database holds tables of another program."""
    tables = set(database.get_tables())
    if tables and HISTORY not in tables:
        some = ", ".join(sorted(tables)[:3])
        raise Refused(
            f"The database {database.obj.database} belongs to another program (it holds {some}); "
            "name an empty one in KVMTUI_DB. Nothing was changed."
        )


def _known() -> set[str]:
    return {path.stem for path in DIRECTORY.glob("[0-9]*.py")}


def _applied() -> set[str]:
    if not database.table_exists(HISTORY):
        return set()
    return {name for (name,) in database.execute_sql(f'SELECT name FROM "{HISTORY}"').fetchall()}  # noqa: S608


def _run_pending() -> list[str]:
    from playhouse.migrations import Runner

    names: list[str] = Runner(database.obj, str(DIRECTORY), table_name=HISTORY).up()
    for name in names:
        log.info("The database was migrated: %s", name)
    return names


@contextmanager
def _alone() -> Iterator[None]:
    """One transaction that keeps every other process from migrating at the same time."""
    if is_postgres():
        with transaction():
            exclusive(Lock.MIGRATION)
            yield
        return
    # rebuilding a table on SQLite would cascade into its children; the check afterwards takes its place
    database.execute_sql("PRAGMA foreign_keys = 0")
    try:
        with transaction():
            yield
            _refuse_broken_references()
    finally:
        database.execute_sql("PRAGMA foreign_keys = 1")


def _refuse_broken_references() -> None:
    broken = database.execute_sql("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise Failed(
            f"The migration would leave a row of table '{broken[0]}' without the row it refers to; "
            "nothing was changed. Run `kvmtui db check`, and report this with its output."
        )
