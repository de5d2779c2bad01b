"""A backup is whole, private, made while others write, and never over another file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import Failed, Refused
from engine.store.backup import backup
from engine.store.check import check
from engine.store.database import close_database, in_transaction, is_postgres, open_database, session
from engine.store.migrate import is_current
from engine.store.models import Client
from engine.store.urls import sqlite_url
from tests.conftest import Store
from tests.postgres import PostgresServer


def _restored(store: Store, copy: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database made from a backup."""
    if store.kind == "sqlite":
        return sqlite_url(copy)
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    request.addfinalizer(lambda: server.drop(name))
    subprocess.run(
        ["pg_restore", "--exit-on-error", "-h", server.folder, "-U", "tests", "-d", name, copy], check=True
    )
    return server.url(name)


def test_a_backup_made_while_others_write_is_whole(
    store: Store, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    stop, begun = threading.Event(), threading.Event()

    def pairs() -> None:
        number = 0
        while not stop.is_set():
            number += 1

            def both(n: int = number) -> None:
                Client.create(name=f"left {n}")
                Client.create(name=f"right {n}")

            in_transaction(both)
            begun.set()

    thread = threading.Thread(target=pairs)
    thread.start()
    begun.wait(10)
    copy = tmp_path / "copy.backup"
    backup(copy)
    stop.set()
    thread.join()
    assert copy.stat().st_mode & 0o777 == 0o600
    url = _restored(store, copy, request)
    close_database()
    open_database(url)
    assert is_current()
    with session():
        names = {name for (name,) in Client.select(Client.name).tuples()}
        assert check() == []
    assert names
    assert {name.replace("left", "right") for name in names} == {
        name.replace("left", "right") for name in names if name.startswith("right")
    }
    close_database()
    if is_postgres():
        open_database(store.url)


def test_nothing_is_ever_overwritten(store: Store, tmp_path: Path) -> None:
    for taken in (tmp_path / "file", tmp_path / "link"):
        if taken.name == "file":
            taken.write_text("precious")
        else:
            taken.symlink_to(tmp_path / "nowhere")
        with pytest.raises(Refused, match="never overwrites"):
            backup(taken)
    assert (tmp_path / "file").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(Refused, match="does not exist"):
        backup(tmp_path / "no folder" / "file")


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/full").exists(), reason="mounts need root")
def test_a_full_disk_leaves_nothing(sqlite_store: Store, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no mounts here")
    try:
        with pytest.raises(Failed, match=r"could not be written.*Nothing was kept"):
            backup(small / "copy.db")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_copy_needs_no_second_file(sqlite_store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(copy)
    with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("delete",)
