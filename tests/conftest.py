"""What every test may ask for: a database of each kind, a home, the installed program."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from engine import operators, redact
from engine.store import secrets
from engine.store.database import close_database, open_database
from engine.store.migrate import migrate
from engine.store.urls import sqlite_url
from tests import program, scratch
from tests.postgres import PostgresServer, why_not
from tests.program import Ran, clean_environment
from tests.selection import (
    pytest_collection,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_ignore_collect,
    pytest_terminal_summary,
    pytest_xdist_auto_num_workers,
)

__all__ = [
    "Ran",
    "clean_environment",
    "pytest_collection",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_ignore_collect",
    "pytest_terminal_summary",
    "pytest_xdist_auto_num_workers",
]

scratch.use_memory()


@pytest.fixture(autouse=True)
def _no_role_is_kept() -> Iterator[None]:
    """Every test begins as an owner, whatever config.toml a test before it opened a site with."""
    yield
    operators.use(operators.Operators())
    operators.act_for(None)


@pytest.fixture(autouse=True)
def _no_secret_is_remembered() -> Iterator[None]:
    """A word that was the secret of one test is not masked in the next."""
    known = dict(redact._values)
    yield
    redact._values.clear()
    redact._values.update(known)


@dataclass(frozen=True)
class Store:
    """An open, migrated, empty database with a key of its own."""

    kind: str
    url: str
    key_file: Path


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A private PostgreSQL server, one per test process, on a socket of its own."""
    reason = why_not()
    if reason and os.environ.get("KVMTUI_REQUIRE_POSTGRES") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with PostgresServer.running() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> str:
    """The name of a migrated, empty database that others are copied from."""
    name = postgres.create()
    open_database(postgres.url(name))
    migrate()
    close_database()
    return name


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file that others are copied from."""
    path = tmp_path_factory.mktemp("migrated") / "kvmtui.db"
    open_database(sqlite_url(path))
    migrate()
    close_database()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table, of each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
        close_database()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    close_database()
    server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open, migrated, empty database of each kind, with a fresh secret key in use."""
    yield from _opened(request, tmp_path, request.param)


@pytest.fixture
def sqlite_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The same on SQLite alone, for what does not depend on the kind."""
    yield from _opened(request, tmp_path, "sqlite")


def _opened(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Iterator[Store]:
    drop: Callable[[], None] = lambda: None  # noqa: E731
    if kind == "sqlite":
        path = tmp_path / "kvmtui.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        url = sqlite_url(path)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        name = server.create(template=request.getfixturevalue("migrated_postgres"))
        url = server.url(name)
        drop = lambda: server.drop(name)  # noqa: E731
    open_database(url)
    key_file = tmp_path / "secret.key"
    secrets.use_key_file(key_file)
    yield Store(kind, url, key_file)
    secrets.forget_key()
    close_database()
    drop()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the program, named in this process's environment too."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    for name in [name for name in os.environ if name.startswith("KVMTUI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KVMTUI_HOME", str(folder))
    return folder


@pytest.fixture
def kvmtui(home: Path) -> Callable[..., Ran]:
    """Runs the program in this process as if it were one of its own: `kvmtui("pool", "list")`."""
    return partial(program.here, home)


@pytest.fixture
def kvmtui_process(home: Path) -> Callable[..., Ran]:
    """Runs the program in a process of its own, for what an operator's shell, a signal or a start-up is about."""
    return partial(program.process, home)
