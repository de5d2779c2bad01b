"""The bus: in order, nothing twice, nothing lost, from other threads and processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from engine.redact import register
from engine.store.database import (
    close_database,
    execute,
    in_transaction,
    open_database,
    session,
    transaction,
)
from engine.store.urls import sqlite_path
from engine.work import events, wake
from tests.conftest import Store

_WRITER = """
import sys
from engine.store.urls import sqlite_path
from engine.work import events
from engine.store.database import open_database
open_database(sys.argv[1])
for n in range(int(sys.argv[3])):
    events.announce("note", f"{sys.argv[2]}-{n}")
"""


def test_a_wait_ends_when_it_is_interrupted(store: Store) -> None:
    follower = events.Follower()
    waiting = threading.Thread(target=follower.wait, args=(60,), daemon=True)
    waiting.start()
    follower.interrupt()
    waiting.join(10)
    assert not waiting.is_alive() and follower.wait(60) == []
    follower.close()


def test_what_was_rolled_back_is_never_said(store: Store) -> None:
    follower = events.Follower()
    with pytest.raises(ZeroDivisionError), transaction():
        events.publish("note", "never")
        _ = 1 // 0
    events.announce("note", "said")
    assert [event.text for event in follower.wait(1)] == ["said"]


def test_a_waiting_follower_hears_another_thread_at_once(store: Store) -> None:
    follower = events.Follower()
    threading.Timer(0.05, lambda: events.announce("note", "now")).start()
    began = time.monotonic()
    assert [event.text for event in follower.wait(10)] == ["now"]
    assert time.monotonic() - began < 5


def test_writers_in_several_processes_are_read_in_order_without_loss(store: Store) -> None:
    follower = events.Follower()
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, store.url, name, "40"]) for name in ("a", "b", "c")
    ]
    heard: list[str] = []
    ids: list[int] = []
    deadline = time.monotonic() + 60
    while len(heard) < 120 and time.monotonic() < deadline:
        for event in follower.wait(0.5):
            heard.append(event.text)
            ids.append(event.id)
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert ids == sorted(set(ids))
    for name in ("a", "b", "c"):
        assert [text for text in heard if text.startswith(name)] == [f"{name}-{n}" for n in range(40)]


def test_a_wake_up_from_another_process_arrives(store: Store) -> None:
    listener = wake.Listener()
    assert listener.wait(20), "what was sent before is unknown"
    assert not listener.wait(0.3)
    notify_from_another_process(store)
    assert listener.wait(20)
    listener.close()


def notify_from_another_process(store: Store) -> None:
    code = (
        "import sys; from engine.work import wake; from engine.store.database import open_database, in_transaction;"
        "open_database(sys.argv[1]); in_transaction(wake.notify)"
    )
    subprocess.run([sys.executable, "-c", code, store.url], check=True)


def test_secrets_do_not_reach_the_stream(store: Store) -> None:
    register("s3cret-canary")
    events.announce("note", "login with s3cret-canary")
    assert "s3cret-canary" not in events.recent(1)[0].text


def test_a_commit_is_noticed_whose_write_was_seen_before_it(sqlite_store: Store) -> None:
    """SQLite writes to its log first and commits after it is on the disk: a read in between finds nothing new."""
    log = Path(f"{sqlite_path(sqlite_store.url)}-wal")
    with session():
        for _ in range(3):
            execute("PRAGMA wal_checkpoint(RESTART)")  # the next commits write over what the log holds
            notify_from_another_connection(sqlite_store)
        source = wake.SqliteSource()
        assert source.next(["work"]) == ["work"], "what was sent before is unknown"
        written = log.stat()
        os.utime(log, ns=(written.st_atime_ns, written.st_mtime_ns + 1))
        assert source.changed() == [], "the transaction is not committed yet"
        notify_from_another_connection(sqlite_store)
        assert log.stat().st_size == written.st_size
        os.utime(log, ns=(written.st_atime_ns, written.st_mtime_ns + 1))
        assert source.changed() == ["work"]


def notify_from_another_connection(store: Store) -> None:
    """Notify as another process does."""
    with closing(sqlite3.connect(sqlite_path(store.url))) as other, other:
        other.execute(
            "INSERT INTO signal (name, counter) VALUES ('work', 1) "
            "ON CONFLICT (name) DO UPDATE SET counter = signal.counter + 1"
        )


def test_one_thread_watches_for_all_listeners_and_ends_with_the_last(store: Store) -> None:
    def watching() -> int:
        return sum(each.name == "wake" for each in threading.enumerate())

    others = watching()
    listeners = [wake.Listener(name) for name in ("work", "mail", "dns", "work")]
    assert watching() == others + 1
    assert listeners[0].wait(20), "what was sent before is unknown"
    while any(each.wait(0.3) for each in listeners):
        pass
    before = time.process_time()
    assert not listeners[0].wait(1.0)
    assert time.process_time() - before < 0.25
    in_transaction(lambda: wake.notify("dns"))
    assert listeners[2].wait(20) and not listeners[1].wait(0.1)
    for each in listeners:
        each.close()
    assert watching() == others


def test_listeners_hear_other_processes_after_the_database_was_opened_again(store: Store) -> None:
    listener = wake.Listener()
    close_database()
    for _ in range(4):
        listener.wait(0.5)  # its watcher ends; a thread that still waits gets no error
    open_database(store.url)
    assert listener.wait(20), "what was sent while it was closed is unknown"
    notify_from_another_process(store)
    assert listener.wait(20)
    listener.close()
