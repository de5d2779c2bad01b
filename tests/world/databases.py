"""The database of a world: a file, or a PostgreSQL of its own that can be made to crash."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.store.database import close_database, open_database
from engine.store.migrate import migrate
from engine.store.urls import sqlite_url
from tests import postgres


class WorldDatabase(ABC):
    """A migrated, empty database."""

    url: str

    @abstractmethod
    def crash(self, away_s: float) -> None:
        """Let it crash and come back after a while."""


class SqliteFile(WorldDatabase):
    """A file: it cannot crash without its processes, which are killed often enough."""

    def __init__(self, template: Path, folder: Path) -> None:
        shutil.copy(template / "world.db", folder / "kvmtui.db")
        self.url = sqlite_url(folder / "kvmtui.db")

    def crash(self, away_s: float) -> None:
        """Nothing to do."""


class OwnPostgres(WorldDatabase):
    """A server of this world alone. What it committed survives its crash, as `synchronous_commit` promises."""

    def __init__(self, template: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=template.parent))  # in memory where worlds are
        subprocess.run(["cp", "-a", template / "data", self.folder / "data"], check=True)
        self._who = postgres._run_as(self.folder)
        self.url = postgres.PostgresServer(self.folder).url("world")
        self._process = _serve(self.folder, self._who)

    def crash(self, away_s: float) -> None:
        """SIGQUIT: every connection is cut, nothing is written at the end; then the recovery of a restart."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        time.sleep(away_s)
        self._process = _serve(self.folder, self._who)

    def stop(self) -> None:
        """End it and delete its files."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def of_kind(kind: str, template: Path, folder: Path) -> Iterator[WorldDatabase]:
    """The database of a world until the block ends."""
    if kind == "sqlite":
        yield SqliteFile(template, folder)
        return
    server = OwnPostgres(template)
    try:
        yield server
    finally:
        server.stop()


def make_template(folder: Path, kinds: set[str]) -> None:
    """What the databases of the worlds are copies of."""
    if "sqlite" in kinds:
        _migrate(sqlite_url(folder / "world.db"))
    if "postgresql" in kinds:
        who = postgres._run_as(folder)
        folder.chmod(0o755)
        binaries = postgres._binaries()
        assert binaries is not None, postgres.why_not()
        postgres._initialise(binaries, folder / "data", who)
        server = _serve(folder, who)
        postgres.PostgresServer(folder).execute("CREATE DATABASE world")
        _migrate(postgres.PostgresServer(folder).url("world"))
        server.send_signal(signal.SIGINT)
        server.wait(30)


def _migrate(url: str) -> None:
    open_database(url)
    migrate()
    close_database()


def _serve(folder: Path, who: dict[str, object]) -> subprocess.Popen[bytes]:
    binaries = postgres._binaries()
    assert binaries is not None
    options = [*postgres._FAST, "synchronous_commit=on"]
    words = [word for option in options for word in ("-c", option)]
    process = subprocess.Popen(
        [binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", *words],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("ab"),
        cwd=folder,
        preexec_fn=postgres._end_with_parent,
        **who,  # type: ignore[call-overload]
    )
    postgres.PostgresServer(folder)._await(process)
    return process
