"""Connections: nested, threaded, cut, busy, refused; and every error reported in a sentence."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from peewee import IntegrityError

from engine.errors import Failed, Refused
from engine.store.database import (
    close_database,
    database,
    in_transaction,
    is_postgres,
    open_database,
    session,
    transaction,
)
from engine.store.models import Client, Lease
from engine.store.urls import shown, sqlite_path, sqlite_url
from tests.conftest import Store
from tests.postgres import PostgresServer


def test_sessions_nest_and_release_the_connection(store: Store) -> None:
    with session():
        with session(), transaction():
            Client.create(name="inner")
        assert not database.is_closed()
        assert Client.select().count() == 1
    assert database.is_closed()


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        Client.create(name="never")
        raise ZeroDivisionError
    with session():
        assert not Client.select().exists()


def test_a_broken_constraint_is_the_callers_to_judge(store: Store) -> None:
    def twice() -> None:
        Client.create(name="Acme")
        Client.create(name="Acme")

    with pytest.raises(IntegrityError):
        in_transaction(twice)
    with session():
        assert not Client.select().exists()


def test_a_hundred_threads_share_forty_connections_and_lose_no_write(store: Store) -> None:
    with session():
        Lease.create(name="counter")

    def count() -> None:
        lock = Lease.select().where(Lease.name == "counter")
        row = (lock.for_update() if is_postgres() else lock).get()
        Lease.update(fence=row.fence + 1).where(Lease.name == "counter").execute()

    with ThreadPoolExecutor(100) as pool:
        for done in [pool.submit(in_transaction, count) for _ in range(300)]:
            done.result()
    with session():
        assert Lease.get().fence == 300
    assert len(database.obj._in_use) == 0
    assert len(database.obj._connections) <= 40


def test_a_connection_cut_by_the_server_is_replaced(store: Store, request: pytest.FixtureRequest) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no server")
    server: PostgresServer = request.getfixturevalue("postgres")
    tries = 0

    def work() -> None:
        nonlocal tries
        tries += 1
        Client.create(name="Acme")
        if tries == 1:
            _cut_all(server)
        Client.create(name="Beta")

    in_transaction(work)
    assert tries == 2
    with session():
        assert sorted(name for (name,) in Client.select(Client.name).tuples()) == ["Acme", "Beta"]
    _cut_all(server)  # while it rests in the pool
    with session():
        assert Client.select().count() == 2
    with pytest.raises(Failed, match="cannot be reached"), session():
        _cut_all(server)
        Client.create(name="Gamma")
    with session():
        assert Client.select().count() == 2


def _cut_all(server: PostgresServer) -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        f"WHERE datname = '{database.obj.database}' AND pid <> pg_backend_pid()"
    )


def test_a_server_that_is_not_there_is_reported(tmp_path: Path) -> None:
    open_database(f"postgresql://somebody:hidden-word@/kvmtui?host={tmp_path}")
    with pytest.raises(Failed, match="cannot be reached") as sentence_of, session():
        pass
    assert "hidden-word" not in str(sentence_of.value)
    close_database()


def test_a_second_writer_that_never_ends_is_reported(sqlite_store: Store) -> None:
    path = sqlite_path(sqlite_store.url)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Failed, match=r"locked by another process.*nothing was changed.*fuser"), session():
            database.execute_sql("PRAGMA busy_timeout = 50")
            with transaction():
                Client.create(name="Acme")
        with session():  # reads are not blocked
            assert not Client.select().exists()
        other.execute("ROLLBACK")


def test_writers_wait_for_one_another(sqlite_store: Store) -> None:
    entered = threading.Event()

    def slow() -> None:
        with transaction():
            Client.create(name="first")
            entered.set()
            release.wait(10)

    release = threading.Event()
    thread = threading.Thread(target=slow)
    thread.start()
    entered.wait(10)
    threading.Timer(0.2, release.set).start()
    with transaction():
        Client.create(name="second")
    thread.join()
    with session():
        assert Client.select().count() == 2


FULL_DISK = """
import resource, signal, sys
from engine.errors import Failed
from engine.store.database import in_transaction, open_database, session
from engine.store.models import Client
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
open_database(sys.argv[1])
try:
    in_transaction(lambda: [Client.create(name=f"c{n}", notes="x" * 5000) for n in range(2000)])
except Failed as error:
    print(error.sentence)
with session():
    print(Client.select().count())
"""


def test_a_full_disk_is_reported_and_nothing_is_kept(sqlite_store: Store) -> None:
    """A limit on the size of files fails writes as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, sqlite_store.url],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    sentence, count = done.stdout.splitlines()
    assert "is full or failing" in sentence
    assert "nothing was changed" in sentence
    assert count == "0"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 600_000


def test_sqlite_is_set_up_for_safety(sqlite_store: Store) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000}
    with session():
        assert {name: database.obj.pragma(name) for name in wanted} == wanted


@pytest.mark.parametrize("content", [b"just a text file, nothing else", b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kvmtui.db"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Refused, match="not a kvmtui database"):
        open_database(sqlite_url(path))
    assert path.read_bytes() == content


def test_a_damaged_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "kvmtui.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    path.chmod(0o600)
    open_database(sqlite_url(path))
    with pytest.raises(Failed, match=r"is damaged.*backup"), session():
        Client.select().count()
    close_database()


def test_wider_modes_are_refused_with_the_chmod(tmp_path: Path) -> None:
    path = tmp_path / "kvmtui.db"
    path.touch(0o644)
    path.chmod(0o644)
    with pytest.raises(Refused, match=f"run: chmod 600 {path}"):
        open_database(sqlite_url(path))
    path.chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(Refused, match=f"run: chmod 700 {tmp_path}"):
        open_database(sqlite_url(path))


def test_a_fresh_database_is_private(tmp_path: Path) -> None:
    path = tmp_path / "folder with a ? and a #" / "kvmtui.db"
    open_database(sqlite_url(path))
    with session():
        database.execute_sql("CREATE TABLE t (id INTEGER)")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    close_database()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kvmtui.db"
    path.touch(0o000)
    path.chmod(0o000)
    with pytest.raises(Refused, match="Permission denied"):
        open_database(sqlite_url(path))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root:hidden-word@host/x", "neither sqlite"),
        ("kvmtui.db", "neither sqlite"),
        ("", "neither sqlite"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://relative/path.db", "names no file"),
        ("sqlite:////tmp", "is a folder"),
        ("postgresql://host:99999/name", "port"),
        ("postgresql://root:hidden-word@host", "names no database"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as sentence_of:
        open_database(url)
    assert "hidden-word" not in str(sentence_of.value)


def test_a_url_is_shown_without_its_password() -> None:
    assert shown("postgresql://me:pa@ss@host/db") == "postgresql://me:***@host/db"
    assert shown("sqlite:////var/lib/kvmtui.db") == "sqlite:////var/lib/kvmtui.db"
