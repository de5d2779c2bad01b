"""Snapshots, backups, restore, password and ISO against the simulated cluster."""

from __future__ import annotations

import pytest

from engine.actions import maintenance
from engine.actions.requests import enqueue
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.pipelines.steps.snapshots import DAY_MS
from engine.queries.maintenance import backups, iso_images, snapshots
from engine.schedule import backups_due, old_snapshots
from engine.store import secrets
from engine.store.models import DailyBackup, Run, Snapshot, Vm
from engine.work.task import TaskResources
from tests.pipelines.conftest import PLAN, Site

ME = Actor("tester", "", "cli")


@pytest.fixture
def vm(site: Site) -> Vm:
    return site.walk(site.service(site.product(**PLAN)))


def last(vm: Vm) -> Run:
    return Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()


def done(site: Site, vm: Vm) -> Run:
    site.walk(vm)
    run = last(vm)
    assert (run.result, run.error) == ("success", "")
    return run


def resources(site: Site) -> TaskResources:
    return TaskResources(site.walker.servers, "test", keep_going=lambda: True)


def test_a_guest_that_lost_its_mark_is_not_rolled_back(site: Site, vm: Vm) -> None:
    maintenance.create_snapshot(ME, vm.service_id, "before")
    done(site, vm)
    site.lab.foreign_config(vm.vmid, description="written over by somebody")
    assert [(one.name, one.ours) for one in snapshots(vm.service_id)] == [("before", True)]
    maintenance.roll_back(ME, vm.service_id, "before")
    site.walk(vm)
    assert "not ours" in last(vm).error or "no mark" in last(vm).error


def test_a_rollback_leaves_our_mark(site: Site, vm: Vm) -> None:
    mark = site.guest(vm).description
    maintenance.create_snapshot(ME, vm.service_id, "before")
    done(site, vm)
    maintenance.roll_back(ME, vm.service_id, "before")
    done(site, vm)
    assert site.guest(vm).description.strip() == mark.strip()
    maintenance.delete_snapshot(ME, vm.service_id, "before")
    done(site, vm)
    assert snapshots(vm.service_id) == [] and Snapshot.select().count() == 0


def test_the_plan_limits_snapshots_and_names_are_checked(site: Site, vm: Vm) -> None:
    for _ in range(2):
        maintenance.create_snapshot(ME, vm.service_id)
        done(site, vm)
    maintenance.create_snapshot(ME, vm.service_id)
    site.walk(vm)
    assert "allows 2 snapshots" in last(vm).error
    for wrong in ("current", "1x", "a b", "x" * 41):
        with pytest.raises(Refused):
            maintenance.create_snapshot(ME, vm.service_id, wrong)


def test_only_old_snapshots_of_ours_are_removed(site: Site, vm: Vm) -> None:
    maintenance.create_snapshot(ME, vm.service_id, "old")
    done(site, vm)
    maintenance.create_snapshot(ME, vm.service_id, "young")
    done(site, vm)
    assert old_snapshots.run(resources(site)).processed == 0
    Snapshot.update(at=now_ms() - 4 * DAY_MS).where(Snapshot.name == "old").execute()
    assert old_snapshots.run(resources(site)).processed == 1
    done(site, vm)
    assert [one.name for one in snapshots(vm.service_id)] == ["young"]


def test_backups_are_ours_and_the_oldest_makes_room(site: Site, vm: Vm) -> None:
    for _ in range(3):
        maintenance.create_backup(ME, vm.service_id)
        done(site, vm)
    found = backups(vm.service_id)
    assert len(found) == 2 and all(one.ours for one in found)
    maintenance.delete_backup(ME, vm.service_id, found[0].backup)
    done(site, vm)
    assert [one.backup for one in backups(vm.service_id)] == [found[1].backup]


def test_a_restore_brings_the_disks_back_and_applies_the_product(site: Site, vm: Vm) -> None:
    maintenance.create_backup(ME, vm.service_id)
    done(site, vm)
    site.lab.foreign_config(vm.vmid, cores=1)
    (backup,) = backups(vm.service_id)
    maintenance.restore(ME, vm.service_id, backup.backup)
    assert done(site, vm).action == "Restore"
    guest = site.guest(vm)
    assert guest.status == "running" and guest.config["cores"] == 2
    assert vm.uid in guest.description and vm.mac in guest.config["net0"]


def test_nothing_else_is_asked_of_a_vm_while_a_backup_runs(site: Site, vm: Vm) -> None:
    Vm.update(flow={"pipeline": "Backup"}).where(Vm.id == vm.id).execute()
    with pytest.raises(Refused, match="Backup is running"):
        enqueue(Vm.get_by_id(vm.id), "Stop", ME)


def test_the_schedule_makes_one_backup_a_day(site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    maintenance.schedule(ME, vm.service_id, maintenance.DAYS, "00:00")
    assert backups_due.run(resources(site)).processed == 1
    assert backups_due.run(resources(site)).processed == 0
    done(site, vm)
    assert [row.state for row in DailyBackup.select()] == ["done"]
    assert len(backups(vm.service_id)) == 1
    with pytest.raises(Refused, match="weekday"):
        maintenance.schedule(ME, vm.service_id, ["someday"])
    with pytest.raises(Refused, match="HH:MM"):
        maintenance.schedule(ME, vm.service_id, ["mon"], "25:00")


def test_a_new_password_reaches_the_guest_and_only_the_guest(site: Site, vm: Vm) -> None:
    before = vm.os_password
    maintenance.reset_password(ME, vm.service_id)
    done(site, vm)
    after = Vm.get_by_id(vm.id)
    clear = secrets.unseal(after.os_password, "vm", after.uid, "os_password")
    assert after.os_password != before and site.guest(vm).status == "running"
    assert not Run.select().where(Run.error.contains(clear)).exists()


def test_an_iso_is_mounted_and_ejected(site: Site, vm: Vm) -> None:
    found = iso_images(vm.service_id)
    assert {one.group for one in found} >= {"Debian", "OTHER"} and found[-1].group == "OTHER"
    maintenance.mount_iso(ME, vm.service_id, found[0].iso)
    done(site, vm)
    assert [one.iso for one in iso_images(vm.service_id) if one.mounted] == [found[0].iso]
    maintenance.eject_iso(ME, vm.service_id)
    done(site, vm)
    assert not any(one.mounted for one in iso_images(vm.service_id))
    maintenance.mount_iso(ME, vm.service_id, "no-such.iso")
    site.walk(vm)
    assert "there is no ISO image" in last(vm).error
