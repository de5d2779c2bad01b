"""The audit asked: by person, action, object, time and words; paged, ordered, streamed, and checked by the program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import audit, redact
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.queries.audit import AuditQuestion, asked, count, newest, one, page, position, stream
from engine.queries.time_input import moment
from engine.store.database import close_database, database, open_database, session
from engine.store.models import Audit
from engine.store.urls import sqlite_url
from tests.conftest import Ran, Store

NOC = Actor("noc", "192.0.2.7", "console")
ROOT = Actor("root", "198.51.100.3", "cli")
HOUR = 3_600_000


@pytest.fixture
def six_changes(store: Store) -> None:
    """Six changes by two people."""
    audit.record(NOC, "create", "server", "1", "pve-waw1", before={}, after={"port": 8006})
    audit.record(NOC, "change", "product", "3", "VPS-2", before={"cores": 1}, after={"cores": 2})
    audit.record(
        ROOT,
        "terminate",
        "vm",
        "5546",
        "web",
        before={"vm_status": "ready"},
        after={},
        reason="contract ended",
    )
    audit.record(
        ROOT, "rdns", "vm", "5547", "db", before={}, after={"address": "192.0.2.9", "rdns": "Mail.example"}
    )
    audit.record(NOC, "change", "client", "1", "Ünal 100%", before={}, after={"email": "a@example.org"})
    audit.record(ROOT, "suspend", "vm", "5546", "web", before={}, after={}, result="refused")


def _ids(question: AuditQuestion) -> list[str]:
    found = page(question, 0, 50)
    assert count(question) == len(found)
    assert [each.id for each in stream(question)] == sorted((each.id for each in found), reverse=True)
    return [f"{each.action} {each.object_id}" for each in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["suspend 5546", "change 1", "rdns 5547", "terminate 5546", "change 3", "create 1"]),
        ("who:root", ["suspend 5546", "rdns 5547", "terminate 5546"]),
        ("who:192.0.2", ["change 1", "change 3", "create 1"]),
        ("what:chang", ["change 1", "change 3"]),
        ("object:vm", ["suspend 5546", "rdns 5547", "terminate 5546"]),
        ("object:vm:5546", ["suspend 5546", "terminate 5546"]),
        ("object:server:pve", ["create 1"]),
        ("object:VPS-2", ["change 3"]),
        ("who:root object:vm:5546 contract", ["terminate 5546"]),
        ("mail.EXAMPLE", ["rdns 5547"]),
        ("100%", ["change 1"]),
        ("refused", ["suspend 5546"]),
        ("nothing-like-it", []),
        (
            "since:1h until:",
            ["suspend 5546", "change 1", "rdns 5547", "terminate 5546", "change 3", "create 1"],
        ),
        ("until:2020-01-01", []),
    ],
)
def test_a_question_finds_its_rows(six_changes: None, words: str, expected: list[str]) -> None:
    assert _ids(asked(words)) == expected


@pytest.mark.parametrize("words", ["whom:root", "since:nonsense", "restore unknown:x"])
def test_a_filter_that_is_not_known_is_refused(words: str) -> None:
    with pytest.raises(Refused):
        asked(words)


def test_a_time_bounds_both_sides(six_changes: None) -> None:
    ids = [row.id for row in Audit.select().order_by(Audit.id)]
    for number, row_id in enumerate(ids):
        _without_guards()
        Audit.update(at=number * HOUR).where(Audit.id == row_id).execute()
    found = page(AuditQuestion(since=2 * HOUR, until=3 * HOUR), 0, 10)
    assert [each.id for each in found] == [ids[3], ids[2]]


@pytest.mark.parametrize("sort", ["id", "login", "action", "about", "source", "result"])
@pytest.mark.parametrize("descending", [True, False])
def test_every_order_has_pages_and_places(six_changes: None, sort: str, descending: bool) -> None:
    question = AuditQuestion(sort=sort, descending=descending)
    whole = page(question, 0, 50)
    assert [each for start in range(0, 6, 2) for each in page(question, start, 2)] == whole
    assert [position(question, each.id) for each in whole] == list(range(6))
    assert (
        position(AuditQuestion(who="root", sort=sort), whole[0].id if whole[0].login == "noc" else 999)
        is None
    )


def test_a_row_shows_who_from_where_and_what_changed(six_changes: None) -> None:
    rdns = page(AuditQuestion(what="rdns"), 0, 1)[0]
    assert (rdns.who, rdns.about) == ("root from 198.51.100.3", "vm db (5547)")
    assert [(each.name, each.old, each.new) for each in rdns.changes] == [
        ("address", None, "192.0.2.9"),
        ("rdns", None, "Mail.example"),
    ]
    ended = page(AuditQuestion(what="terminate"), 0, 1)[0]
    assert (ended.reason, ended.circumstances) == ("contract ended", {"vm_status": "ready"})
    assert one(ended.id) == ended and one(9999) is None


def test_many_rows_are_streamed_in_order(store: Store) -> None:
    row = {
        "at": now_ms(), "login": "noc", "action": "x", "kind": "vm", "object_id": "1", "previous_hash": "",
        "hash": "", "before": {}, "after": {},
    }  # fmt: skip
    with session():
        Audit.insert_many([row | {"object_name": str(number)} for number in range(2500)]).execute()
    assert [each.object_name for each in stream(AuditQuestion())] == [str(n) for n in range(2499, -1, -1)]
    assert len(list(stream(AuditQuestion(), 1200))) == 1200 and len(newest(3)) == 3


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("1970-01-02", False, 24 * HOUR),
        ("1970-01-02", True, 48 * HOUR - 1),
        ("1970-01-01T01:30", False, 90 * 60_000),
        ("1970-01-01T01:30", True, 91 * 60_000 - 1),
        ("1970-01-01 01:30:00Z", True, 90 * 60_000 - 1),
        ("1970-01-01T02:30+01:00", False, 90 * 60_000),
    ],
)
def test_moments_as_people_write_them(text: str, end: bool, expected: int) -> None:
    assert moment(text, end) == expected


def test_how_long_ago() -> None:
    assert abs(now_ms() - moment("2h") - 2 * HOUR) < 60_000
    assert abs(now_ms() - moment("1w") - 168 * HOUR) < 60_000
    for wrong in ("yesterday", "2026-13-01", "7 x", ""):
        with pytest.raises(Refused, match="is not a time"):
            moment(wrong)


def _without_guards() -> None:
    if "sqlite" in type(database.obj).__name__.lower():
        database.execute_sql("DROP TRIGGER IF EXISTS audit_no_update")
        database.execute_sql("DROP TRIGGER IF EXISTS audit_no_delete")
    else:
        database.execute_sql("ALTER TABLE audit DISABLE TRIGGER ALL")


@pytest.fixture
def program(kvmtui: Callable[..., Ran]) -> Callable[..., Ran]:
    """The program with two changes by it."""
    assert kvmtui("client", "add", "=cmd", "--email", "a@example.org", SSH_CLIENT="192.0.2.7 50 22").exit == 0
    assert kvmtui("client", "edit", "=cmd", "--email", "b@example.org").exit == 0
    return kvmtui


def test_the_verb_shows_table_json_and_csv(program: Callable[..., Ran]) -> None:
    shown = program("audit")
    assert shown.exit == 0 and "email a@example.org -> b@example.org" in shown.stdout
    first, second = json.loads(program("audit", "--json").stdout)
    assert (first["action"], second["action"], second["ssh_client"]) == ("change", "create", "192.0.2.7")
    assert first["before"] == {"email": "a@example.org"} and first["at"].endswith("Z")
    lines = list(csv.DictReader(io.StringIO(program("audit", "--csv", "--what", "create").stdout)))
    assert len(lines) == 1 and lines[0]["object_name"] == "'=cmd"
    assert json.loads(program("audit", "--json", "--since", "2999-01-01").stdout) == []
    empty = program("audit", "--object", "server")
    assert (empty.exit, empty.stdout) == (0, "") and "No changes match" in empty.stderr
    for arguments in (("--csv", "--json"), ("--since", "soon"), ("nonsense",)):
        ran = program("audit", *arguments)
        assert (ran.exit, ran.stdout) == (2, "") and "Traceback" not in ran.stderr


def test_verify_names_the_first_broken_row(program: Callable[..., Ran], home: Path) -> None:
    whole = program("audit", "verify")
    assert whole.exit == 0 and whole.stdout.startswith("All 2 rows follow each other")
    open_database(sqlite_url(home / "kvmtui.db"))
    _without_guards()
    Audit.update(login="nobody").where(Audit.id == 1).execute()
    close_database()
    broken = program("audit", "verify")
    assert (broken.exit, broken.stdout) == (1, "Audit row 1 was altered after it was written.\n")
    verdict = json.loads(program("audit", "verify", "--json").stdout)
    assert (verdict["rows"], len(verdict["faults"])) == (2, 1)


def test_no_secret_is_in_the_trail(store: Store) -> None:
    redact.register("hunter2-canary")
    audit.record(
        ROOT, "change", "server", "1", "pve", before={"token_secret": "old"}, after={"token_secret": "hunter2-canary"},
        reason="it was hunter2-canary",
    )  # fmt: skip
    (row,) = newest()
    assert "hunter2" not in str(row)
    assert [(each.name, each.old != each.new) for each in row.changes] == [("token_secret", True)]
