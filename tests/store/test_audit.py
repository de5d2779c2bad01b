"""The audit trail: in the change's own transaction, chained, unchangeable, without secrets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from peewee import DatabaseError

from engine import audit, redact
from engine.audit import Actor
from engine.store.database import database, in_transaction, is_postgres, session, transaction
from engine.store.models import Audit
from tests.conftest import Store

ME = Actor("noc", "192.0.2.7", "cli")


def _record(name: str = "pve", **given: object) -> None:
    values: dict[str, object] = {"before": {}, "after": {"port": 8006}, **given}
    audit.record(ME, "change", "server", "1", name, **values)  # type: ignore[arg-type]


def test_a_row_says_who_what_and_when(store: Store) -> None:
    _record(reason="moved", before={"port": 443})
    with session():
        row = Audit.get()
    assert (row.login, row.ssh_client, row.source, row.action) == ("noc", "192.0.2.7", "cli", "change")
    assert (row.kind, row.object_name, row.before, row.after) == (
        "server",
        "pve",
        {"port": 443},
        {"port": 8006},
    )
    assert (row.reason, row.result, row.previous_hash) == ("moved", "done", "")


def test_no_change_no_row(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        _record()
        raise ZeroDivisionError
    with session():
        assert not Audit.select().exists()


def test_the_chain_holds_with_many_writers(store: Store) -> None:
    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(in_transaction, lambda n=n: _record(f"s{n}")) for n in range(120)]:
            done.result()
    with session():
        assert Audit.select().count() == 120
    assert audit.verify_chain() == []


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET login = 'nobody'", "DELETE FROM audit WHERE id = 2", "TRUNCATE audit"]
)
def test_the_database_itself_refuses_to_change_the_trail(store: Store, statement: str) -> None:
    if "TRUNCATE" in statement and not is_postgres():
        pytest.skip("SQLite has no TRUNCATE")
    for name in "abc":
        _record(name)
    with session(), pytest.raises(DatabaseError, match="append-only"):
        database.execute_sql(statement)
    with session():
        assert Audit.select().count() == 3
    assert audit.verify_chain() == []


def _without_guards() -> None:
    if is_postgres():
        database.execute_sql("ALTER TABLE audit DISABLE TRIGGER ALL")
    else:
        database.execute_sql("DROP TRIGGER audit_no_update")
        database.execute_sql("DROP TRIGGER audit_no_delete")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET login = 'nobody' WHERE object_name = 'b'", "was altered"),
        ("UPDATE audit SET at = at + 1 WHERE object_name = 'b'", "was altered"),
        ("DELETE FROM audit WHERE object_name = 'b'", "does not follow"),
        ("DELETE FROM audit WHERE object_name = 'a'", "does not follow"),
    ],
)
def test_the_chain_shows_changes_made_outside_kvmtui(store: Store, statement: str, words: str) -> None:
    for name in "abc":
        _record(name)
    with session():
        _without_guards()
        database.execute_sql(statement)
    faults = audit.verify_chain()
    assert len(faults) == 1
    assert words in faults[0]


def test_secrets_are_masked_and_their_change_is_reported(store: Store) -> None:
    redact.register("a-known-value")
    _record(
        before={"token_secret": "old-one", "password": "", "secrets": {"api_key": "k"}, "note": "x"},
        after={
            "token_secret": "new-one",
            "password": "fresh",
            "secrets": {"api_key": "k"},
            "note": "has a-known-value in it",
            "token_id": "root@pam!x",
            "smtp.password": "dotted",
            "deep": {"list": [{"os_password": "nested"}]},
        },
    )
    with session():
        row = Audit.get()
    assert row.before == {"token_secret": "***", "password": "", "secrets": "***", "note": "x"}
    assert row.after == {
        "token_secret": "*** (changed)",
        "password": "***",
        "secrets": "***",
        "note": "has *** in it",
        "token_id": "root@pam!x",
        "smtp.password": "***",
        "deep": {"list": [{"os_password": "***"}]},
    }


def test_the_actor_is_who_was_there_before_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CLIENT", "192.0.2.9 50000 22")
    monkeypatch.setenv("SUDO_USER", "anna")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert audit.current_actor("console") == Actor("anna", "192.0.2.9", "console")
    monkeypatch.delenv("SUDO_USER")
    assert audit.current_actor("cli").login not in ("", "anna")
    assert audit.current_actor(ME) is ME
