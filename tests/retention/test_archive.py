"""The audit in files: nothing is ever in neither place, and the chain holds across all of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peewee import DatabaseError

from engine import audit, audit_archive
from engine.audit import Actor
from engine.errors import Failed, Refused
from engine.queries.audit import oldest
from engine.queries.suspension import suspension_of
from engine.store.database import database, is_postgres, session
from engine.store.models import Audit, AuditArchive, Vm
from tests.conftest import Ran, Store
from tests.retention.conftest import days_ago

ME = Actor("noc", "192.0.2.7", "cli")


def record(count: int, action: str = "change") -> None:
    for n in range(count):
        audit.record(
            ME, action, "server", str(n), f"pve-{n}", before={"port": n}, after={"port": n + 1, "text": "ü\n"}
        )


def ids() -> list[int]:
    with session():
        return [row.id for row in Audit.select(Audit.id).order_by(Audit.id)]


def everything_before() -> int:
    return days_ago(-1)


def archive(path: Path) -> audit_archive.ArchiveFile:
    return audit_archive.archive(path, everything_before(), ME)


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.jsonl.gz"])
def test_rows_move_to_a_file_and_both_chains_hold(store: Store, tmp_path: Path, name: str) -> None:
    record(1200)
    with session():
        before = list(Audit.select().order_by(Audit.id).dicts())
    path = tmp_path / name
    found = archive(path)
    assert (found.rows, found.first_id, found.last_id) == (1199, before[0]["id"], before[-2]["id"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    raw = path.read_bytes()
    assert found.sha256 == hashlib.sha256(raw).hexdigest()
    lines = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode().splitlines()
    assert [json.loads(line) for line in lines] == before[:-1]
    assert ids() == [before[-1]["id"], before[-1]["id"] + 1]
    with session():
        reported = Audit.select().order_by(Audit.id.desc()).get()
    assert (reported.action, reported.kind, reported.object_name, reported.after["rows"]) == (
        "archive",
        "audit",
        str(path),
        1199,
    )
    verdict = audit.verify()
    assert (verdict.faults, verdict.rows, verdict.archived_to) == ((), 2, found.last_id)
    assert audit_archive.verify_files([path])[1] == []
    assert oldest() == before[-1]["at"]
    assert [each.path for each in audit_archive.archives()] == [str(path)]
    assert list(tmp_path.glob(".*")) == []


def test_archives_join_each_other(store: Store, tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.jsonl.gz" for n in range(3)]
    for path in paths:
        record(5)
        archive(path)
    assert audit_archive.verify_files(paths[::-1])[1] == []
    assert audit_archive.verify_files(paths[1:2])[1] == []
    record(2)
    assert audit.verify_chain() == []


def test_only_old_rows_go_and_always_a_stretch_from_the_oldest(store: Store, tmp_path: Path) -> None:
    record(3)
    with session():
        cut = Audit.select().order_by(Audit.id.desc()).get().at
    with pytest.raises(Refused, match="No audit rows are older"):
        audit_archive.archive(tmp_path / "a", days_ago(1), ME)
    assert not (tmp_path / "a").exists()
    while days_ago(0) <= cut:
        pass
    later = days_ago(0)
    while days_ago(0) <= later:
        pass
    record(3)
    assert audit_archive.archive(tmp_path / "a", later, ME).rows == 3
    with pytest.raises(Refused, match="No audit rows are older"):
        audit_archive.archive(tmp_path / "b", later, ME)


def test_the_database_lets_only_archived_rows_go(store: Store, tmp_path: Path) -> None:
    record(4)
    archive(tmp_path / "a")
    with session(), pytest.raises(DatabaseError, match="append-only"):
        Audit.delete().execute()
    with session(), pytest.raises(DatabaseError, match="append-only"):
        Audit.update(login="nobody").execute()
    assert len(ids()) == 2


def _swap(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _without_line(path: Path, number: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:number] + lines[number + 1 :]))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: _swap(path, '"noc"', '"nob"'), "was altered"),
        (lambda path: _without_line(path, 2), "does not follow"),
        (lambda path: _without_line(path, 5), "no record of an archive of these rows"),
        (lambda path: _without_line(path, 0), "no record of an archive of these rows"),
        (lambda path: path.write_text(path.read_text() + " \n"), "not a whole audit archive"),
        (lambda path: path.write_text(path.read_text()[:-20]), "not a whole audit archive"),
        (lambda path: path.write_text(path.read_text().replace(": ", ":  ", 1)), "SHA-256"),
        (lambda path: path.write_text(""), "it is empty"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_a_damaged_archive_is_found(
    sqlite_store: Store, tmp_path: Path, damage: Callable[[Path], Any], words: str
) -> None:
    record(7)
    path = tmp_path / "a"
    archive(path)
    damage(path)
    try:
        faults = audit_archive.verify_files([path])[1]
    except Refused as refusal:
        faults = [refusal.sentence]
    assert words in "\n".join(faults)


def test_an_altered_trail_is_not_archived(store: Store, tmp_path: Path) -> None:
    record(5)
    with session():
        if is_postgres():
            database.execute_sql("ALTER TABLE audit DISABLE TRIGGER ALL")
        else:
            database.execute_sql("DROP TRIGGER audit_no_update")
        database.execute_sql("UPDATE audit SET login = 'nobody' WHERE object_name = 'pve-2'")
    with pytest.raises(Failed, match="was altered"):
        archive(tmp_path / "a")
    assert list(tmp_path.glob("*a")) == [] and len(ids()) == 5


def test_a_record_without_an_audit_row_is_an_error(store: Store) -> None:
    record(5)
    with session():
        last = Audit.get(Audit.id == ids()[2])
        AuditArchive.create(first_id=1, last_id=last.id, last_hash=last.hash, path="/gone", sha256="0")
    assert any("no audit row that mentions it" in fault for fault in audit.verify_chain())


def test_a_file_is_never_overwritten(store: Store, tmp_path: Path) -> None:
    record(3)
    path = tmp_path / "a"
    path.write_text("mine")
    with pytest.raises(Refused, match="never overwrites"):
        archive(path)
    with pytest.raises(Refused, match="does not exist; create it first"):
        archive(tmp_path / "no" / "a")
    assert path.read_text() == "mine" and len(ids()) == 3


def test_a_record_that_fails_leaves_every_row(sqlite_store: Store, tmp_path: Path) -> None:
    record(4)
    with session():
        database.execute_sql(
            "CREATE TRIGGER full_disk BEFORE INSERT ON audit_archive BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    with pytest.raises(DatabaseError):
        archive(tmp_path / "a")
    assert len(ids()) == 4 and audit.verify_chain() == []
    with session():
        database.execute_sql("DROP TRIGGER full_disk")
    assert archive(tmp_path / "b").rows == 3


def test_a_suspension_keeps_its_reason(store: Store, make_vm: Callable[..., Vm], tmp_path: Path) -> None:
    kept = make_vm(service_status="Suspended")
    active = make_vm()
    for vm in (kept, active):
        audit.record(ME, "suspend", "vm", str(vm.service_id), "vm", before={}, after={}, reason="unpaid")
    before = suspension_of(kept.service_id)
    assert before is not None and before.reason == "unpaid"
    for name in ("a", "b"):
        record(2)
        archive(tmp_path / name)
        assert suspension_of(kept.service_id) == before
    assert audit.verify_chain() == []
    with session():
        about = Audit.select().where(Audit.action == "suspend", Audit.object_id == str(active.service_id))
        assert not about.exists()


_CRASHES = """
import os, shutil, signal, sys
from pathlib import Path
from engine import audit, audit_archive
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.store.database import close_database, open_database, session
from engine.store.models import Audit
from engine.store.urls import sqlite_url

source, folder, stride = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
ME = Actor("noc", "", "cli")
WATCHED = (audit_archive.__file__, audit.__file__)

def tracer(limit):
    seen = 0
    def trace(frame, event, arg):
        nonlocal seen
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            seen += 1
            if seen == limit:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    return trace

def archived(home):
    paths = sorted(home.glob("*.jsonl"))
    recorded = {each.path for each in audit_archive.archives()}
    files, faults = audit_archive.verify_files([path for path in paths if str(path) in recorded])
    assert faults == [], faults
    assert {each.path for each in files} == recorded, (files, recorded)
    return {n for each in files for n in range(each.first_id, each.last_id + 1)}

def check(home, rows):
    assert audit.verify_chain() == [], audit.verify_chain()
    with session():
        there = {row.id for row in Audit.select(Audit.id)}
    lost = rows - there - archived(home)
    assert not lost, lost
    return there

limit, survived = 1, False
while not survived:
    home = folder / str(limit)
    home.mkdir(mode=0o700)
    shutil.copy(source, home / "kvmtui.db")
    (home / "kvmtui.db").chmod(0o600)
    child = os.fork()
    if child == 0:
        open_database(sqlite_url(home / "kvmtui.db"))
        sys.settrace(tracer(limit))
        audit_archive.archive(home / "first.jsonl", now_ms() + 1, ME)
        os._exit(7)
    _, status = os.waitpid(child, 0)
    survived = os.WIFEXITED(status)
    assert not survived or os.WEXITSTATUS(status) == 7
    open_database(sqlite_url(home / "kvmtui.db"))
    rows = set(range(1, 7))
    check(home, rows)
    try:
        audit_archive.archive(home / "second.jsonl", now_ms() + 1, ME)
    except Refused as refusal:
        assert "No audit rows" in refusal.sentence, refusal.sentence
    assert len(check(home, rows)) <= 3
    close_database()
    limit += stride
print(limit)
"""


@pytest.mark.timeout(300)
def test_killed_anywhere_no_row_is_in_neither_place(sqlite_store: Store, tmp_path: Path) -> None:
    record(6)
    with session():
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    folder = tmp_path / "crashes"
    folder.mkdir(mode=0o700)
    source = sqlite_store.url.removeprefix("sqlite://")
    done = subprocess.run(
        [sys.executable, "-c", _CRASHES, source, str(folder), "11"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 100  # so many lines are behind it


def test_the_command_line(kvmtui: Callable[..., Ran], home: Path, tmp_path: Path) -> None:
    assert kvmtui("client", "add", "Acme", "--email", "a@b.example").exit == 0
    assert kvmtui("client", "add", "Beta", "--email", "a@b.example").exit == 0
    file = tmp_path / "audit.jsonl.gz"
    refused = kvmtui("audit", "archive", str(file))
    assert (refused.exit, refused.stdout, file.exists()) == (2, "", False)
    for wrong in (["--before", "soon"], ["--before", "1d", "--keep-days", "3"]):
        assert kvmtui("audit", "archive", str(file), *wrong).exit == 2
    assert kvmtui("--read-only", "audit", "archive", str(file), "--before", "0m").exit == 2
    done = kvmtui("audit", "archive", str(file), "--before", "0m", "--json")
    assert done.exit == 0 and json.loads(done.stdout)["rows"] >= 1
    listed = kvmtui("audit")
    assert "Beta" in listed.stdout and "Acme" not in listed.stdout and str(file) in listed.stderr
    assert kvmtui("audit", "verify", "--archive", str(file)).exit == 0
    assert kvmtui("db", "check").exit == 0
    file.chmod(0o600)
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).replace(b"Acme", b"Acne")))
    damaged = kvmtui("audit", "verify", "--archive", str(file))
    assert damaged.exit == 1 and "was altered" in damaged.stdout
