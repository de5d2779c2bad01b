"""Snapshots by schedule: once a day, the oldest of ours replaced, others' left alone, never into something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions import maintenance
from engine.errors import Refused
from engine.queries.maintenance import snapshot_schedule, snapshots
from engine.schedule import old_snapshots, snapshots_due
from engine.store.models import DailySnapshot, Run, Snapshot, SnapshotSchedule, Vm
from engine.work.requests import add, withdraw
from engine.work.task import TaskReport, TaskResources
from tests.maintenance.conftest import ME, PLAN, last
from tests.pipelines.conftest import Site

Done = Callable[[Vm], Run]


def next_day() -> None:
    """Make what was taken today yesterday's."""
    for row in list(DailySnapshot.select()):
        DailySnapshot.update(local_date=f"2026-01-{row.id:02d}").where(DailySnapshot.id == row.id).execute()


def daily(vm: Vm) -> None:
    maintenance.schedule_snapshots(ME, vm.service_id, maintenance.DAYS, "00:00")


def test_one_is_taken_once_a_day(vm: Vm, resources: TaskResources, done: Done) -> None:
    daily(vm)
    assert snapshot_schedule(vm.service_id).at == "00:00"
    assert old_snapshots.run(resources).processed == 1
    assert old_snapshots.run(resources).processed == 0
    assert done(vm).action == "ScheduledSnapshot"
    (day,) = DailySnapshot.select()
    assert day.state == "done"
    assert [(one.name, one.ours) for one in snapshots(vm.service_id)] == [(day.name, True)]
    assert old_snapshots.run(resources).processed == 0


def test_at_the_limit_the_oldest_of_ours_makes_room_and_others_stay(
    site: Site, resources: TaskResources, done: Done
) -> None:
    vm = site.walk(site.service(site.product(**PLAN | {"snapshots": 3}), status="Active"))
    maintenance.create_snapshot(ME, vm.service_id, "oldest")
    done(vm)
    maintenance.create_snapshot(ME, vm.service_id, "theirs")
    done(vm)
    Snapshot.delete().where(Snapshot.name == "theirs").execute()  # as if somebody took it in Proxmox
    daily(vm)
    after = []
    for _ in range(3):
        assert old_snapshots.run(resources).processed == 1
        done(vm)
        after.append({one.name for one in snapshots(vm.service_id)})
        next_day()
    assert [len(names) for names in after] == [3, 3, 3]
    assert ["oldest" in names for names in after] == [True, False, False]
    assert all("theirs" in names for names in after)
    assert Snapshot.select().count() == 2


def test_without_one_of_ours_the_limit_holds_and_the_day_has_failed(
    site: Site, vm: Vm, resources: TaskResources
) -> None:
    for name in ("a1", "a2"):
        maintenance.create_snapshot(ME, vm.service_id, name)
        site.walk(vm)
    Snapshot.delete().execute()
    daily(vm)
    old_snapshots.run(resources)
    site.walk(vm)
    assert "none of them was created by kvmtui" in last(vm).error
    (day,) = DailySnapshot.select()
    assert (day.state, day.error) == ("failed", last(vm).error)
    assert {one.name for one in snapshots(vm.service_id)} == {"a1", "a2"}


@pytest.mark.parametrize(
    "busy",
    [
        {"flow": {"pipeline": "Backup"}},
        {"remote_lock": "backup"},
        {"vm_status": "cp_stop"},
    ],
)
def test_a_busy_vm_is_asked_later(vm: Vm, resources: TaskResources, busy: dict[str, object]) -> None:
    daily(vm)
    before = {name: getattr(vm, name) for name in busy}
    Vm.update(busy).where(Vm.id == vm.id).execute()
    snapshots_due.begin(resources, report := TaskReport())
    assert (report.processed, DailySnapshot.select().count()) == (0, 0)
    Vm.update(before).where(Vm.id == vm.id).execute()
    snapshots_due.begin(resources, report)
    assert (report.processed, DailySnapshot.select().count()) == (1, 1)


def test_a_vm_with_a_queued_request_is_asked_later(vm: Vm, resources: TaskResources) -> None:
    daily(vm)
    add(vm, "Stop")
    snapshots_due.begin(resources, report := TaskReport())
    assert report.processed == 0
    withdraw(vm.id, "")
    snapshots_due.begin(resources, report)
    assert report.processed == 1


def test_a_day_whose_run_was_lost_is_closed_and_not_begun_again(vm: Vm, resources: TaskResources) -> None:
    daily(vm)
    old_snapshots.run(resources)
    old_snapshots.run(resources)
    assert [row.state for row in DailySnapshot.select()] == ["started"]  # it still waits for its turn
    withdraw(vm.id, "")
    Vm.update(due_at=None).where(Vm.id == vm.id).execute()
    assert old_snapshots.run(resources).processed == 0
    (day,) = DailySnapshot.select()
    assert day.state == "failed" and day.error


def test_off_and_what_cannot_be(site: Site, vm: Vm) -> None:
    daily(vm)
    maintenance.schedule_snapshots(ME, vm.service_id, [])
    assert snapshot_schedule(vm.service_id) is None and SnapshotSchedule.select().count() == 0
    bare = site.walk(site.service(site.product(snapshots=0)))
    with pytest.raises(Refused, match="allows no snapshots"):
        daily(bare)
    for days, at in ((["someday"], ""), (["mon"], "24:00")):
        with pytest.raises(Refused):
            maintenance.schedule_snapshots(ME, vm.service_id, days, at)
    assert SnapshotSchedule.select().count() == 0
