"""A copy of the whole database while it is in use: consistent, 0600, never over another file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from engine.errors import Failed, Refused
from engine.redact import redact
from engine.store import files
from engine.store.database import database, is_postgres


def backup(target: Path) -> None:
    """Write the backup; when it fails nothing is left behind."""
    target = target.absolute()
    if not target.parent.is_dir():
        raise Refused(f"The folder {target.parent} does not exist; create it first. No backup was written.")
    # the final name appears only when the backup is whole
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    _refuse_existing(target)
    try:
        files.write_private(unfinished, b"")
        (_dump_postgres if is_postgres() else _copy_sqlite)(unfinished)
        _sync(unfinished)
        _publish(unfinished, target)
    except OSError as error:
        raise Failed(
            f"The backup {target} could not be written: {error.strerror}. Nothing was kept."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise Refused(f"The file {target} exists; a backup never overwrites. Name another file.")


def _publish(unfinished: Path, target: Path) -> None:
    try:
        os.link(unfinished, target)  # unlike a rename, a link never replaces a file created in between
    except FileExistsError:
        _refuse_existing(target)
    files.sync_dir(target.parent)


def _copy_sqlite(target: Path) -> None:
    """One read transaction over the whole file: writers continue and are not in it."""
    try:
        with (
            closing(sqlite3.connect(f"file:{_quoted(database.obj.database)}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = delete")
    except sqlite3.Error as error:
        raise Failed(f"The backup {target} could not be written: {error}. Nothing was kept.") from error


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _dump_postgres(target: Path) -> None:
    """pg_dump in its own format; `pg_restore` reads it."""
    program = shutil.which("pg_dump") or _newest_installed()
    if program is None:
        raise Refused(
            "The backup of a PostgreSQL database needs pg_dump (Debian: apt install postgresql-client); "
            "or back the server up with its own tools. No backup was written."
        )
    given = database.obj.connect_params
    options = {"--host": "host", "--port": "port", "--username": "user"}
    named = [f"{option}={given[key]}" for option, key in options.items() if given.get(key)]
    secret = {"PGPASSWORD": str(given["password"])} if given.get("password") else {}
    done = subprocess.run(  # noqa: S603 - no shell, our own arguments
        [program, "--format=custom", "--no-password", f"--file={target}", *named, database.obj.database],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **secret},
    )
    if done.returncode:
        words = redact(" ".join(done.stderr.split()))[:500]
        raise Failed(f"pg_dump could not create the backup: {words}")
    target.chmod(0o600)


def _newest_installed() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"), key=lambda path: float(path.parts[-3]))
    return str(found[-1]) if found else None


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
