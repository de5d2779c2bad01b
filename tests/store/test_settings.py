"""Settings: typed, with their ranges, one place for each."""

from __future__ import annotations

import pytest

from engine.store import settings
from engine.store.database import session
from engine.store.models import Setting, TaskState
from engine.store.settings import INTERVALS, Cron, General, Smtp, read, read_recent, write
from tests.conftest import Store


def test_an_empty_database_has_the_defaults(store: Store) -> None:
    assert read(General) == General(
        default_timeout=10, heavy_timeout=60, post_clone_migration=True, migration_timeout=300
    )
    assert read(Cron) == Cron(lock_timeout=600, intervals=INTERVALS)
    assert read(Smtp).host == ""


def test_what_was_written_is_read(store: Store) -> None:
    for section in (
        General(default_timeout=300, heavy_timeout=600, post_clone_migration=False),
        Cron(lock_timeout=60, intervals={"scheduleBackup": 0}),
        Smtp(host="mail.example", security="tls", password="word"),
    ):
        write(section)
        write(section)
        assert read(type(section)) == section
    assert read(Cron).intervals == {**INTERVALS, "scheduleBackup": 0}


def test_an_interval_leaves_the_rest_of_its_task_alone(store: Store) -> None:
    with session():
        TaskState.create(name="scheduleBackup", interval_minutes=5, last_run_at=123, locked_by="me", fence=7)
    write(Cron(intervals={"scheduleBackup": 9}))
    with session():
        row = TaskState.get(TaskState.name == "scheduleBackup")
    assert (row.interval_minutes, row.last_run_at, row.locked_by, row.fence) == (9, 123, "me", 7)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (General, {"default_timeout": 0}),
        (General, {"default_timeout": 301}),
        (General, {"heavy_timeout": 601}),
        (General, {"colour": "red"}),
        (Cron, {"intervals": {"processVirtualMachine": 1}}),
        (Cron, {"intervals": {"scheduleBackup": -1}}),
        (Smtp, {"security": "ssl"}),
        (Smtp, {"port": 0}),
    ],
)
def test_values_outside_their_range_are_faults(
    store: Store, section: type, values: dict[str, object]
) -> None:
    with pytest.raises((ValueError, TypeError)):
        write(section(**values))


def test_what_is_asked_at_every_step_is_at_most_a_second_old(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(General(default_timeout=20))
    assert read_recent(General).default_timeout == 20
    write(General(default_timeout=30))
    assert read_recent(General).default_timeout == 30, "a change of this process counts at once"
    with session():
        Setting.update(value={"default_timeout": 40}).where(Setting.key == "general").execute()
    assert read_recent(General).default_timeout == 30
    monkeypatch.setattr(settings, "RECENT_S", 0.0)
    assert read_recent(General).default_timeout == 40
