"""A schedule that has not produced a backup when it should have says so, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actions import maintenance
from engine.actions.doctor import doctor
from engine.clock import now_ms, use_zone
from engine.queries.dashboard import dashboard
from engine.queries.overdue_backups import GRACE_MS, first_due, overdue_backup_of, overdue_backups
from engine.schedule import backups_due
from engine.store.models import BackupSchedule, DailyBackup, Product, Run, Server, Vm
from engine.work.task import TaskResources
from tests.maintenance.conftest import ME
from tests.pipelines.conftest import Site

Done = Callable[[Vm], Run]
DAY = 86_400_000


@pytest.fixture
def warsaw() -> Iterator[None]:
    use_zone("Europe/Warsaw")
    yield
    use_zone("UTC")


@pytest.fixture
def vm_overdue(vm: Vm) -> Vm:
    """A VM whose daily schedule is three days old and has made nothing."""
    maintenance.schedule(ME, vm.service_id, maintenance.DAYS, "00:00")
    BackupSchedule.update(since=now_ms() - 3 * DAY).execute()
    return vm


def reason(vm: Vm) -> str:
    overdue = overdue_backup_of(vm.service_id)
    return overdue.reason if overdue else ""


def test_a_missed_backup_is_overdue_until_one_is_made(vm_overdue: Vm, done: Done) -> None:
    (overdue,) = overdue_backups()
    assert (overdue.service_id, overdue.name) == (vm_overdue.service_id, vm_overdue.name)
    assert now_ms() - 3 * DAY < overdue.since < now_ms() - 2 * DAY + 1
    assert "not started" in overdue.reason
    board = dashboard()
    assert (board.overdue_backups, board.overdue_backups_total) == ([overdue], 1)
    (reported,) = [check for check in doctor() if check.name == "schedules"]
    assert reported.result == "warn" and f"service {vm_overdue.service_id}" in reported.sentence
    maintenance.create_backup(ME, vm_overdue.service_id)
    done(vm_overdue)
    assert overdue_backups() == [] and dashboard().overdue_backups_total == 0


def test_a_scheduled_backup_clears_it_and_a_new_schedule_has_none_overdue(
    vm: Vm, resources: TaskResources, done: Done
) -> None:
    maintenance.schedule(ME, vm.service_id, maintenance.DAYS, "00:00")
    assert overdue_backups() == []
    backups_due.run(resources)
    done(vm)
    assert BackupSchedule.get().good_at is not None and overdue_backups() == []


def test_a_failed_one_is_overdue_at_once_with_its_reason(
    site: Site, vm: Vm, resources: TaskResources
) -> None:
    maintenance.schedule(ME, vm.service_id, maintenance.DAYS, "00:00")
    midnight = first_due(list(maintenance.DAYS), 0, now_ms() - DAY)
    BackupSchedule.update(since=midnight - 1000).execute()
    backups_due.run(resources)
    spec = Product.get_by_id(vm.service.product_id).spec
    Product.update(spec={**spec, "backup_storage": "nowhere"}).execute()
    site.walk(vm)
    backups_due.run(resources)  # the step broke before it could close its day; the next tick does
    (day,) = DailyBackup.select()
    assert day.state == "failed" and "nowhere" in day.error
    assert reason(vm) == day.error


def test_what_stands_in_the_way_is_named(vm_overdue: Vm) -> None:
    Vm.update(remote_lock="snapshot").execute()
    assert "locked (snapshot)" in reason(vm_overdue)
    Vm.update(flow={"pipeline": "Restore"}, wait_why="the task runs").execute()
    assert reason(vm_overdue) == "Restore runs at the VM: the task runs"
    Vm.update(vm_status="cp_stop").execute()
    assert "not ready (cp_stop)" in reason(vm_overdue)
    Server.update(failures=3, last_error="no route").execute()
    assert "does not answer: no route" in reason(vm_overdue)
    vm_overdue.service.status = "Terminated"
    vm_overdue.service.save()
    assert overdue_backups() == []


def test_the_grace_is_kept(vm: Vm) -> None:
    due = datetime.fromtimestamp((now_ms() - GRACE_MS // 2) / 1000, UTC)
    maintenance.schedule(ME, vm.service_id, maintenance.DAYS, f"{due:%H:%M}")
    BackupSchedule.update(since=now_ms() - GRACE_MS).execute()
    assert overdue_backups() == []
    BackupSchedule.update(since=now_ms() - GRACE_MS - DAY).execute()
    assert len(overdue_backups()) == 1


@given(
    days=st.lists(st.sampled_from(maintenance.DAYS), min_size=1, unique=True),
    minute=st.integers(0, 1439),
    after=st.integers(1_700_000_000_000, 1_900_000_000_000),
)
def test_the_first_due_moment_is_on_a_wanted_day_within_a_week(
    days: list[str], minute: int, after: int
) -> None:
    due = first_due(days, minute, after)
    assert due is not None and after < due <= after + 7 * DAY
    shown = datetime.fromtimestamp(due / 1000, UTC)
    assert maintenance.DAYS[shown.weekday()] in days and shown.hour * 60 + shown.minute == minute


def test_summer_time_moves_the_moment_not_the_hour(warsaw: None) -> None:
    saturday = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp() * 1000)
    due = first_due(["sun", "mon"], 3 * 60 + 30, saturday)
    assert datetime.fromtimestamp(due / 1000, UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert first_due([], 0, saturday) is None
