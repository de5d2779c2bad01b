"""Run a task now: the ticker checks without waiting for its interval, in this process and in another."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.schedule.registry import TASKS, named
from engine.schedule.run_now import CHANNEL, clear_locks, run_now
from engine.store.database import in_transaction
from engine.store.models import Audit, TaskState, Worker
from engine.work import task_ledger as ledger
from engine.work import ticker, wake
from engine.work.servers import Servers
from engine.work.task import Task, TaskReport, TaskResources
from engine.work.ticker import Ticker
from tests.conftest import Store
from tests.waiting import until

ME = Actor("tester", "192.0.2.7", "cli")
TASK = "nowBackupStatus"


class Heard:
    """The lines a ticker says; `done` is set by the first end of the task."""

    ticker: Ticker

    def __init__(self) -> None:
        self.done = threading.Event()

    def __call__(self, line: str) -> None:
        if f"[{TASK}] Done" in line:
            self.done.set()


@pytest.fixture
def ticking(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """A ticker whose own beat is an hour away, on a site where every task ran a moment ago."""
    monkeypatch.setattr(ticker, "CHECK_S", 3_600)
    servers, heard = Servers(), Heard()
    for task in TASKS:
        ledger.standing(task)
    TaskState.update(last_run_at=now_ms()).execute()
    running = heard.ticker = Ticker(TASKS, servers, "test", heard)
    running.start()
    yield heard
    running.stop()
    assert running.ended(5)
    servers.close()


def test_a_task_runs_at_once_and_not_at_the_next_beat(ticking: Heard) -> None:
    assert "at once" in run_now(TASK, ME)
    assert ticking.done.wait(10)
    assert Audit.select().where(Audit.action == "run", Audit.object_name == TASK).count() == 1


def test_a_request_during_a_check_is_not_left_to_the_next_beat(
    ticking: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, under_way, requested = ledger.take, threading.Event(), threading.Event()

    def slow(task: Task, owner: str, force: bool = False) -> tuple[int, int | None] | None:
        found = take(task, owner, force)
        if task.name == TASK and not under_way.is_set():
            under_way.set()
            requested.wait(10)
        return found

    monkeypatch.setattr(ledger, "take", slow)
    wake.notify_here(CHANNEL)
    assert under_way.wait(10)
    run_now(TASK, ME)
    until(lambda: ticking.ticker._wakes > 1)
    requested.set()
    assert ticking.done.wait(10)


def test_a_wake_up_alone_runs_no_task_that_is_not_due(ticking: Heard) -> None:
    wake.notify_here(CHANNEL)
    assert not ticking.done.wait(0.3)


def test_a_task_that_is_off_is_refused(store: Store) -> None:
    ledger.standing(named(TASK))
    TaskState.update(interval_minutes=0).where(TaskState.name == TASK).execute()
    with pytest.raises(Refused, match="is off"):
        run_now(TASK, ME)


def test_a_task_that_runs_is_refused_until_its_lock_is_cleared(store: Store) -> None:
    Worker.create(id="w-1", kind="daemon", host="h", pid=1, started_at=now_ms(), heartbeat_at=now_ms())
    assert ledger.take(named(TASK), "w-1") is not None
    with pytest.raises(Refused, match="left behind by w-1"):
        run_now(TASK, ME)
    assert clear_locks(ME) == f"Locks cleared: {TASK}."
    assert clear_locks(ME) == "No task is locked."
    assert Audit.select().where(Audit.action == "unlock").count() == 1
    assert "at once" in run_now(TASK, ME)


def test_the_end_waits_for_a_task_that_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on, servers = threading.Event(), threading.Event(), Servers()

    def slow(resources: TaskResources) -> TaskReport:
        began.set()
        go_on.wait(10)
        assert not resources.keep_going()
        return TaskReport()

    monkeypatch.setattr(ticker, "CHECK_S", 3_600)
    running = Ticker((Task("slow", 1, "takes its time", slow),), servers, "test", lambda line: None)
    running.start()
    in_transaction(lambda: wake.notify(CHANNEL))
    assert began.wait(10)
    running.stop()
    assert not running.ended(0.05)
    go_on.set()
    assert running.ended(5)
    servers.close()
