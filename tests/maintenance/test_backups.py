"""Backups: ours make room for ours, others' are shown and left, and a day has one whatever the clock does."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine import clock
from engine.actions import maintenance
from engine.queries.maintenance import backups, schedule
from engine.schedule import backups_due, following
from engine.store.models import BackupSchedule, DailyBackup, Run, Vm
from engine.work.requests import withdraw
from engine.work.task import TaskResources
from tests.maintenance.conftest import ME, last
from tests.pipelines.conftest import Site

Done = Callable[[Vm], Run]
WARSAW = ZoneInfo("Europe/Warsaw")


def make(vm: Vm, done: Done) -> None:
    maintenance.create_backup(ME, vm.service_id)
    done(vm)


def protect(site: Site, volid: str) -> None:
    next(one for one in site.lab.world.shelf.everything() if one.volid == volid).protected = True


def test_the_oldest_of_ours_makes_room_and_others_stay(site: Site, vm: Vm, done: Done) -> None:
    site.back_up(vm, "taken in Proxmox")
    (foreign,) = site.backups(vm)
    made = []
    for _ in range(4):
        make(vm, done)
        made.append(backups(vm.service_id)[0].backup)
    shown = {one.backup: one.ours for one in backups(vm.service_id)}
    assert shown == {made[3]: True, made[2]: True, foreign: False}
    maintenance.delete_backup(ME, vm.service_id, foreign)
    site.walk(vm)
    assert "was not created by kvmtui" in last(vm).error and foreign in site.backups(vm)


def test_protected_ones_count_and_are_never_replaced(site: Site, vm: Vm, done: Done) -> None:
    make(vm, done)
    protect(site, site.backups(vm)[0])
    make(vm, done)
    first, second = site.backups(vm)
    make(vm, done)
    assert first in site.backups(vm) and second not in site.backups(vm)
    for volid in site.backups(vm):
        protect(site, volid)
    maintenance.create_backup(ME, vm.service_id)
    site.walk(vm)
    assert "all of ours are protected" in last(vm).error and len(site.backups(vm)) == 2


def test_a_time_is_drawn_when_it_is_saved_and_then_kept(vm: Vm, resources: TaskResources) -> None:
    drawn = set()
    for _ in range(6):
        maintenance.schedule(ME, vm.service_id, ["mon", "thu"])
        drawn.add(schedule(vm.service_id).at)
    assert len(drawn) > 1
    kept = BackupSchedule.get().minute
    backups_due.run(resources)
    assert BackupSchedule.get().minute == kept and BackupSchedule.select().count() == 1


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[datetime], None]]:
    """Sets the clock that schedules look at, in Warsaw."""
    clock.use_zone("Europe/Warsaw")
    yield lambda moment: monkeypatch.setattr(clock, "now_ms", lambda: int(moment.timestamp() * 1000))
    clock.use_zone("UTC")


def begun(resources: TaskResources, vm: Vm) -> int:
    """Run the tick; what it asks for is done at once."""
    number = backups_due.run(resources).processed
    DailyBackup.update(state="done").execute()
    withdraw(vm.id, "")
    Vm.update(due_at=None).where(Vm.id == vm.id).execute()
    return number


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        # the night in which 02:00 is followed by 03:00: there is no 02:30
        (["2026-03-29T00:59Z", "2026-03-29T01:01Z", "2026-03-29T10:00Z"], [0, 1, 0]),
        # the night in which 02:30 comes twice
        (["2026-10-25T00:29Z", "2026-10-25T00:31Z", "2026-10-25T01:31Z", "2026-10-25T20:00Z"], [0, 1, 0, 0]),
        # the clock is set back by a day and continues
        (["2026-06-10T09:00Z", "2026-06-09T09:00Z", "2026-06-10T09:05Z", "2026-06-11T09:00Z"], [1, 1, 0, 1]),
        # nobody looked for three days: only today's is made
        (["2026-06-10T09:00Z", "2026-06-14T09:00Z", "2026-06-14T09:05Z"], [1, 1, 0]),
    ],
)  # fmt: skip
def test_a_date_has_one_backup_whatever_the_clock_does(
    vm: Vm, resources: TaskResources, at: Callable[[datetime], None], ticks: list[str], expected: list[int]
) -> None:
    maintenance.schedule(ME, vm.service_id, maintenance.DAYS, "02:30")
    seen = []
    for tick in ticks:
        at(datetime.fromisoformat(tick))
        seen.append(begun(resources, vm))
    assert seen == expected


def test_any_walk_of_the_clock_makes_one_per_wanted_date(
    vm: Vm, resources: TaskResources, at: Callable[[datetime], None]
) -> None:
    chance = random.Random(20261025)
    maintenance.schedule(ME, vm.service_id, ["sun", "mon", "wed"], "02:30")
    moment, wanted, made = datetime(2026, 10, 20, tzinfo=UTC), set(), 0
    for _ in range(150):
        moment += timedelta(minutes=chance.randrange(-900, 1200))
        at(moment)
        here = moment.astimezone(WARSAW)
        if here.weekday() in (6, 0, 2) and (here.hour, here.minute) >= (2, 30):
            wanted.add(here.date())
        made += begun(resources, vm)
    assert made == len(wanted) > 5
    assert {row.local_date for row in DailyBackup.select()} <= {str(date) for date in wanted}


def results(resources: TaskResources, task: Callable[[TaskResources], object]) -> list[tuple[str, str]]:
    return [(one.action, one.result) for one in task(resources).outcomes]  # type: ignore[attr-defined]


def test_the_two_status_tasks_tell_what_runs_and_what_has_ended(stepped_site: Site) -> None:
    from tests.maintenance.conftest import PLAN

    site = stepped_site
    vm = site.walk(site.service(site.product(**PLAN), status="Active"))
    resources = TaskResources(site.walker.servers, "test", keep_going=lambda: True, since=clock.now_ms())
    assert results(resources, following.manual_backups) == []
    maintenance.create_backup(ME, vm.service_id)
    site.once(vm)
    site.once(vm)
    assert results(resources, following.manual_backups) == [("now_backup", "waiting")]
    assert results(resources, following.restores) == []
    site.walk(vm)
    assert results(resources, following.manual_backups) == [("now_backup", "success")]
    (backup,) = site.backups(vm)
    maintenance.restore(ME, vm.service_id, backup + "x")
    site.walk(vm)
    ((action, result),) = results(resources, following.restores)
    assert action == "restore_backup" and "has no backup" in result and "Try the restore again" in result
    later = TaskResources(site.walker.servers, "test", keep_going=lambda: True, since=clock.now_ms() + 1)
    assert results(later, following.manual_backups) == [] and results(later, following.restores) == []
