"""The bus: in order, nothing twice, nothing lost, from other threads and processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from engine.redact import register
from engine.store.database import transaction
from engine.work import events, wake
from tests.conftest import Store

_WRITER = """
import sys
from engine.work import events
from engine.store.database import open_database
open_database(sys.argv[1])
for n in range(int(sys.argv[3])):
    events.announce("note", f"{sys.argv[2]}-{n}")
"""


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
    listener.wait(0.3)
    assert not listener.wait(0.3)
    code = (
        "import sys; from engine.work import wake; from engine.store.database import open_database, in_transaction;"
        "open_database(sys.argv[1]); in_transaction(wake.ring)"
    )
    subprocess.run([sys.executable, "-c", code, store.url], check=True)
    assert listener.wait(5)
    listener.close()


def test_secrets_do_not_reach_the_stream(store: Store) -> None:
    register("s3cret-canary")
    events.announce("note", "login with s3cret-canary")
    assert "s3cret-canary" not in events.recent(1)[0].text
