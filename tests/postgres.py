"""A private PostgreSQL server for tests: its own data folder and socket, no port, gone with its process."""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FAST = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=120",
    "autovacuum=off",
]
_SUPERUSER = "tests"


def _binaries() -> Path | None:
    """The folder of the newest installed server."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as: it refuses root, so root's tests need another user."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def why_not() -> str:
    """Why no server can be had here, or nothing."""
    if _binaries() is None:
        return "PostgreSQL tests need a server's programs: apt install postgresql"
    if os.geteuid() == 0 and _account() is None:
        return "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "PostgreSQL tests need its driver: pip install '.[postgres]'"
    return ""


@dataclass
class PostgresServer:
    """A running server; databases are made and dropped by name."""

    folder: Path
    _numbers: Any = field(default_factory=itertools.count)
    _copying: str = ""

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{_SUPERUSER}@/{name}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """Make a database as a copy of another and return its name."""
        name = f"t{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {self._copying}')
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement beside the program under test."""
        import psycopg

        with psycopg.connect(
            dbname=database, user=_SUPERUSER, host=str(self.folder), autocommit=True
        ) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[PostgresServer]:
        """A server that ends with the block, and with this process if that is killed."""
        folder = Path(tempfile.mkdtemp(prefix="kvmtui-pg-"))
        who = _run_as(folder)
        binaries = _binaries()
        assert binaries is not None
        data = folder / "data"
        try:
            _initialise(binaries, data, who)
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=",
                 *(word for option in _FAST for word in ("-c", option))],
                stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb"), cwd=folder,
                preexec_fn=_end_with_parent, **who,
            )  # fmt: skip
            try:
                server = cls(folder)
                server._await(process)
                yield server
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(30)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        import psycopg

        deadline = time.monotonic() + 60
        while True:
            try:
                ((version,),) = self.execute("SHOW server_version_num")
                # through the log, which is the default from 15 on, it takes three times as long
                self._copying = "STRATEGY FILE_COPY" if int(version) >= 150000 else ""
                return
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL did not start:\n{log}") from None
                time.sleep(0.05)  # the server offers nothing to wait on


def _run_as(folder: Path) -> dict[str, Any]:
    account = _account()
    if os.geteuid() != 0 or account is None:
        return {}
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _initialise(binaries: Path, data: Path, who: dict[str, Any]) -> None:
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale",
         "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd=data.parent, **who,
    )  # fmt: skip


def _end_with_parent() -> None:
    """Linux sends SIGINT, a fast shutdown, when the test process dies in whatever way."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)
