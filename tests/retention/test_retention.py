"""What goes and what stays: every table by its own rule, in small pages, on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

import pytest

from engine.actions.doctor import doctor
from engine.actions.settings import put_settings
from engine.audit import Actor
from engine.clock import now_ms
from engine.forms.settings import RetentionForm
from engine.schedule.registry import RETENTION, TASKS
from engine.schedule.retention import run
from engine.store.database import database, is_postgres
from engine.store.models import Call, Event, Outbox, Request, Run, Server, Step, TaskState, Vm
from engine.store.settings import Retention, write
from engine.work import events, workers
from engine.work.retention import PAGE, TABLES, delete_old
from engine.work.servers import Servers
from engine.work.task import TaskReport, TaskResources
from engine.work.task_run import perform
from tests.conftest import Store
from tests.retention.conftest import days_ago, make_run

ME = Actor("noc", "", "cli")
Maker = Callable[..., Vm]


def clean(keep_going: Callable[[], bool] = lambda: True) -> TaskReport:
    return run(TaskResources(Servers(), "test", keep_going), pause_s=0)


def _events(days: float, count: int = 1) -> None:
    Event.insert_many([{"at": days_ago(days), "kind": "note", "text": "x"} for _ in range(count)]).execute()


def test_old_events_go_and_the_newest_stays(store: Store) -> None:
    for days in (40, 15, 13.9, 1):
        _events(days)
    assert clean().processed == 2
    assert Event.select().count() == 2
    Event.update(at=days_ago(300)).execute()
    newest = events.last_id()
    assert clean().processed == 1
    assert [row.id for row in Event.select()] == [newest]
    events.announce("note", "next")
    assert events.last_id() == newest + 1


def test_nothing_goes_by_a_retention_of_0_days(store: Store, make_vm: Maker) -> None:
    write(
        Retention(**dict.fromkeys((each.name for each in fields(Retention) if each.name.endswith("days")), 0))
    )
    _events(4000, 3)
    for _ in range(12):
        make_run(make_vm(), 4000)
    assert clean().processed == 0
    assert (Event.select().count(), Run.select().count()) == (3, 12)


def test_rows_are_processed_in_pages_and_a_run_ends_when_requested(store: Store) -> None:
    _events(30, 2 * PAGE + 200)
    left: list[int] = []

    def keep_going() -> bool:
        left.append(Event.select().count())
        return len(left) <= 2

    assert delete_old(TABLES[0], Retention(), keep_going, pause_s=0) == 2 * PAGE
    assert left == [2 * PAGE + 200, PAGE + 200, 200]
    assert clean().processed == 199


_AT_REST = {"vm_status": "ready", "node": "pve1"}


@pytest.mark.parametrize(
    ("vm", "call", "goes"),
    [
        (_AT_REST, {"state": "ended"}, True),
        (_AT_REST, {"state": "failed"}, True),
        ({"vm_status": "remove", "node": "pve1"}, {"state": "ended"}, True),
        (None, {"state": "ended"}, True),
        (None, {"state": "intent"}, True),
        (_AT_REST, {"state": "ended", "intent_at": 29}, False),
        (_AT_REST, {"state": "intent"}, False),
        (_AT_REST, {"state": "answered"}, False),
        (_AT_REST, {"state": "ambiguous"}, False),
        ({"vm_status": "ready", "node": ""}, {"state": "ended"}, False),
        ({"vm_status": "set_ip", "node": "pve1"}, {"state": "ended"}, False),
        ({**_AT_REST, "flow": {"pipeline": "Backup"}}, {"state": "ended"}, False),
        ({**_AT_REST, "due_at": 1}, {"state": "ended"}, False),
    ],
)
def test_the_journal_keeps_what_may_be_read_again(
    store: Store, server: Server, make_vm: Maker, vm: dict[str, Any] | None, call: dict[str, Any], goes: bool
) -> None:
    given = {
        "server": server,
        "vm": make_vm(**vm) if vm else None,
        "what": "clone",
        "method": "POST",
        "path": "/c",
    }
    row = Call.create(**given, **call | {"intent_at": days_ago(call.get("intent_at", 31))})
    Call.create(**given | {"vm": None}, state="ended", intent_at=days_ago(400))  # the newest always stays
    assert clean().processed == int(goes)
    assert Call.select().where(Call.id == row.id).exists() is not goes


def test_the_newest_runs_of_each_vm_stay(store: Store, make_vm: Maker) -> None:
    busy, idle = make_vm(), make_vm()
    runs = [make_run(busy, days) for days in range(60, 20, -2)]  # 20 runs, 15 of them older than 30 days
    old = [make_run(idle, 300 - n) for n in range(10)]
    live = make_run(busy, 0, live=1, finished_at=None, result="running")
    assert clean().processed == 0  # by default every run stays that a VM may have
    write(Retention(runs_kept=10))
    clean()
    kept = {row.id for row in Run.select().where(Run.vm == busy)}
    assert kept == {row.id for row in runs[-9:]} | {live.id}
    assert {row.id for row in Run.select().where(Run.vm == idle)} == {row.id for row in old}
    assert Step.select().count() == 2 * Run.select().count()


def test_ended_requests_go_and_open_ones_stay(store: Store, make_vm: Maker) -> None:
    vm = make_vm()
    ended = {"done": True, "failed": True, "withdrawn": True, "queued": False, "running": False}
    made = {}
    for state, over in ended.items():
        row = Request.create(
            vm=vm.id, service=vm.service_id, pipeline="Start", action="Start", state=state,
            requested_at=days_ago(90), ended_at=days_ago(40) if over else None,
        )  # fmt: skip
        made[row.id] = over
    recent = Request.create(
        vm=vm.id, service=1, pipeline="Stop", action="Stop", state="done", ended_at=days_ago(29)
    )
    assert clean().processed == 3
    assert {row.id for row in Request.select()} == {number for number, over in made.items() if not over} | {
        recent.id
    }


def test_mails_go_when_their_vm_is_at_rest(store: Store, make_vm: Maker) -> None:
    resting, busy = make_vm(), make_vm(flow={"pipeline": "Deploy"}, vm_status="starting")
    goes = set()
    for vm in (resting, busy, None):
        for state in ("sent", "failed", "pending", "sending"):
            row = Outbox.create(
                uid=str(uuid.uuid4()), key=str(uuid.uuid4()), vm=vm, template="ready", recipient="a@b.example",
                state=state, created_at=days_ago(31),
            )  # fmt: skip
            if vm is not busy and state in ("sent", "failed"):
                goes.add(row.id)
    assert clean().processed == 4
    assert not {row.id for row in Outbox.select()} & goes
    assert Outbox.select().count() == 8


def test_it_runs_once_an_hour_whoever_ticks_and_doctor_reports_it(store: Store) -> None:
    _events(30, 7)
    first, second = (
        TaskResources(Servers(), workers.register("daemon", "1"), lambda: True) for _ in range(2)
    )
    lines: list[str] = []
    assert RETENTION not in TASKS
    (before,) = [view for view in doctor() if view.name == "retention"]
    assert "not run" in before.sentence
    report = perform(RETENTION, first, lines.append)
    assert report is not None and (report.processed, report.errors) == (6, 0)
    assert perform(RETENTION, second, lines.append) is None
    (view,) = [view for view in doctor() if view.name == "retention"]
    assert view.result == "ok" and "6 rows" in view.sentence
    TaskState.update(last_run_at=now_ms() - 3_600_001).where(TaskState.name == "retention").execute()
    assert perform(RETENTION, second, lines.append) is not None


def test_a_table_that_cannot_be_cleaned_does_not_stop_the_others(sqlite_store: Store, make_vm: Maker) -> None:
    _events(30, 3)
    write(Retention(runs_kept=10))
    for _ in range(11):
        make_run(make_vm() if _ == 0 else Vm.get(), 90)
    if is_postgres():
        pytest.skip("a statement that fails ends the whole transaction there")
    database.execute_sql("ALTER TABLE event RENAME TO event_away")
    report = clean()
    database.execute_sql("ALTER TABLE event_away RENAME TO event")
    assert (report.processed, report.errors) == (1, 1)
    assert Event.select().count() == 3


def test_the_settings_are_edited_like_the_others(store: Store) -> None:
    outcome = put_settings("retention", RetentionForm(events_days=3, runs_kept=5), ME)
    assert {(each.field, each.new) for each in outcome.differences} == {("events_days", 3), ("runs_kept", 5)}
    assert RetentionForm().model_dump() == asdict(Retention())
    _events(4, 2)
    assert clean().processed >= 1
