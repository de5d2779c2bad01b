"""Stored secrets: bound to table, row and column, rotated without interruption, never shown."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import redact
from engine.errors import Refused
from engine.store import rotation, sealed, secrets
from engine.store.backup import backup
from engine.store.database import close_database, in_transaction, is_postgres, open_database, session
from engine.store.keyfile import KeyFile, Keys, add_key
from engine.store.models import KeyCheck, Server, Vm, Zone
from engine.store.settings import Smtp, read
from tests.conftest import Store
from tests.store.conftest import CLEAR, Site


def _all_open() -> set[str]:
    with session():
        return {
            secrets.unseal(cell.sealed, cell.table, cell.uid, cell.column)
            for column in sealed.COLUMNS
            for row in sealed.rows(column)
            for cell in sealed.cells(column, row)
        }


def test_a_sealed_value_opens_in_its_own_cell_only(sqlite_store: Store) -> None:
    kept = secrets.seal("top-secret", "server", "uid-1", "password")
    assert "top-secret" not in kept
    assert secrets.unseal(kept, "server", "uid-1", "password") == "top-secret"
    for moved in [
        ("zone", "uid-1", "password"),
        ("server", "uid-2", "password"),
        ("server", "uid-1", "token"),
    ]:
        with pytest.raises(Refused, match="altered, or moved"):
            secrets.unseal(kept, *moved)
    for damaged in (kept[:-4] + "AAAA", kept[:12], kept.replace(":", ":*", 1)):
        with pytest.raises(Refused, match=r"server\.password of row uid-1"):
            secrets.unseal(damaged, "server", "uid-1", "password")
    assert secrets.seal("top-secret", "server", "uid-1", "password") != kept


def test_an_empty_secret_stays_empty(sqlite_store: Store) -> None:
    assert secrets.seal("", "server", "u", "password") == ""
    assert secrets.unseal("", "server", "u", "password") == ""


def test_a_value_that_was_opened_is_known_to_redaction(sqlite_store: Store) -> None:
    secrets.unseal(secrets.seal("horse-battery-staple", "server", "u", "password"), "server", "u", "password")
    assert redact.redact("the line says horse-battery-staple") == "the line says ***"


def test_the_registry_covers_every_column_that_is_sealed(site: Site) -> None:
    assert _all_open() == set(CLEAR)
    assert rotation.verify().opened == len(CLEAR)


def test_no_secret_stands_in_the_database_in_clear(site: Site, tmp_path: Path) -> None:
    if is_postgres():
        pytest.skip("the file is SQLite's")
    backup(tmp_path / "copy.db")
    content = (tmp_path / "copy.db").read_bytes()
    assert b"example.com" in content
    assert not [clear for clear in CLEAR if clear.encode() in content]


def test_the_key_file_is_made_once_private_and_refused_when_wider(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret.key"
    KeyFile(path).load_or_make()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    first = path.read_bytes()
    KeyFile(path).load_or_make()
    assert path.read_bytes() == first
    path.chmod(0o640)
    with pytest.raises(Refused, match=f"run: chmod 600 {path}"):
        KeyFile(path).load_or_make()


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\n", b"abcd tooshort\n", b"abcd " + b"A" * 44 + b"\n", b"# only\n"]
)
def test_a_damaged_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Refused, match="key file"):
        KeyFile(path).load_or_make()
    assert path.read_bytes() == content


def test_the_key_shows_in_no_repr() -> None:
    keys = add_key(Keys({}))
    assert repr(next(iter(keys.values.values()))) not in f"{keys!r} {keys} {KeyFile(Path('x'))!r}"


def test_another_key_is_reported_at_start(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    KeyFile(other).load_or_make()
    with pytest.raises(Refused, match="not the one this database was sealed with"):
        secrets.use_key_file(other)


def _same_id_other_key(site: Site, path: Path) -> Path:
    held = secrets.key_file().current()
    path.touch(mode=0o600)
    KeyFile(path).replace(Keys({held.first: os.urandom(32)}))
    return path


def test_another_key_with_the_same_id_is_reported_at_start(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not the one this database was sealed with"):
        secrets.use_key_file(_same_id_other_key(site, tmp_path / "other.key"))


def test_the_canary_of_an_older_database_still_tells_a_wrong_key(site: Site, tmp_path: Path) -> None:
    """It was a text sealed with the key."""
    keys = secrets.key_file().current()
    sealed_text = secrets.seal_with(keys, "kvmtui", "keycheck", keys.first, "canary")
    with session():
        KeyCheck.update(canary=sealed_text).execute()
    secrets.use_key_file(site.store.key_file)
    with pytest.raises(Refused, match="in keycheck"):
        secrets.use_key_file(_same_id_other_key(site, tmp_path / "other.key"))


def test_a_missing_key_is_reported_and_not_replaced(site: Site) -> None:
    site.store.key_file.unlink()
    with pytest.raises(Refused, match="is missing"):
        secrets.use_key_file(site.store.key_file)
    assert not site.store.key_file.exists()


def test_rotation_seals_everything_again_and_forgets_the_old_key(site: Site) -> None:
    before = site.store.key_file.read_bytes()
    assert rotation.rotate() == len(CLEAR)
    assert _all_open() == set(CLEAR)
    keys = secrets.key_file().current()
    assert len(keys.values) == 1
    assert before.splitlines()[1] not in site.store.key_file.read_bytes()
    with session():
        assert [row.key_id for row in KeyCheck.select()] == [keys.first]
        assert Server.get().token_secret.startswith(f"{keys.first}:")
    assert site.store.key_file.stat().st_mode & 0o777 == 0o600
    secrets.use_key_file(site.store.key_file)


def test_rotation_refuses_when_a_secret_would_be_lost(site: Site) -> None:
    with session():
        Vm.update(os_password="feedbeef:AAAA").execute()
    before = site.store.key_file.read_bytes()
    with pytest.raises(Refused, match=r"vm\.os_password of row v-1"):
        rotation.rotate()
    assert site.store.key_file.read_bytes() == before
    assert len(rotation.verify().faults) == 1


MOMENTS = (
    (KeyFile, "replace"),
    (secrets, "leave_canary"),
    (secrets, "seal_with"),
    (rotation, "in_transaction"),
    (sealed, "rows"),
    (os, "replace"),
)
DIED, BROKE = 9, 70


def rotated_in_a_fork(url: str, key: Path, steps: int) -> int:
    """Rotate in a process that dies before its next step after so many; its exit status, 0 at the end of the work."""
    left = steps

    def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(DIED)
            return function(*arguments, **named)

        return call

    close_database()
    child = os.fork()
    if child == 0:
        status = BROKE
        try:
            for owner, name in MOMENTS:
                setattr(owner, name, mortal(getattr(owner, name)))
            open_database(url)
            secrets.use_key_file(key)
            rotation.rotate()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    open_database(url)
    return os.waitstatus_to_exitcode(ended)


def test_a_rotation_killed_anywhere_loses_nothing_and_ends_when_run_again(site: Site) -> None:
    """The process dies before its 1st, 2nd, … step, until one attempt completes."""
    url, key = site.store.url, site.store.key_file
    every = 3 if is_postgres() else 1
    for steps in range(0, 100, every):
        status = rotated_in_a_fork(url, key, steps)
        secrets.use_key_file(key)
        assert _all_open() == set(CLEAR), f"killed before step {steps + 1}"
        if status == 0:
            break
        assert status == DIED, f"the rotation broke before step {steps + 1}"
        if steps % 3 == 0:  # sometimes it is run again at once, sometimes killed again
            rotation.rotate()
            assert len(secrets.key_file().current().values) == 1
    else:
        pytest.fail("the rotation never came to its end")
    assert steps > 10


def test_work_continues_while_the_key_is_exchanged(site: Site) -> None:
    """Another thread seals and opens all the while, and never meets a secret it cannot open."""
    stop = threading.Event()
    faults: list[BaseException] = []
    rounds = 0

    def work() -> None:
        nonlocal rounds
        try:
            while not stop.is_set():

                def change() -> None:
                    value = secrets.unseal(Server.get().token_secret, "server", "s-1", "token_secret")
                    assert value == "clear-token"
                    Server.update(token_secret=secrets.seal(value, "server", "s-1", "token_secret")).execute()

                in_transaction(change)
                rounds += 1
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    rotation.rotate()
    stop.set()
    thread.join()
    assert faults == []
    assert rounds
    assert rotation.verify().faults == []


def test_the_mail_password_is_sealed_and_comes_back(site: Site) -> None:
    assert read(Smtp).password == "clear-smtp"
    assert "clear-smtp" not in repr(read(Smtp))


def test_the_key_survives_a_restart(site: Site) -> None:
    close_database()
    secrets.forget_key()
    open_database(site.store.url)
    with pytest.raises(Refused, match="No secret key"):
        secrets.seal("x", "a", "b", "c")
    secrets.use_key_file(site.store.key_file)
    assert _all_open() == set(CLEAR)
    with session():
        assert set(Zone.get().secrets) == {"key", "second"}
