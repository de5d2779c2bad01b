"""Backups left behind by a terminated VM are deleted later, and nothing that is not provably of that VM."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions.doctor import doctor
from engine.clock import now_ms
from engine.pipelines.steps import facts
from engine.queries.left_backups import left_backups
from engine.schedule import backups_due
from engine.schedule import left_backups as task
from engine.store.models import Call, Event, LeftBackup, Vm
from engine.work.task import TaskResources
from kvmtui.lab.faults import InjectedFault
from kvmtui.lab.volumes import LabVolume
from tests.pipelines.conftest import Site

Tick = Callable[[], list[str]]
OTHERS = "kvmtui instance=00000000-0000-0000-0000-000000000001 vm=00000000-0000-0000-0000-000000000002"


@pytest.fixture
def tick(site: Site, resources: TaskResources) -> Tick:
    """One tick of scheduleBackup, with every left backup due."""

    def tick() -> list[str]:
        LeftBackup.update(due_at=now_ms()).execute()
        facts.forget()
        report = backups_due.run(resources)
        until_idle(site)
        return [one.result for one in report.outcomes if one.action == task.ACTION]

    return tick


def until_idle(site: Site) -> None:
    """Deleting is a task of the cluster; wait for its end."""
    cluster = site.walker.servers.cluster(site.server)
    for row in Call.select().where(Call.step == task.ACTION, Call.upid != ""):
        while cluster.task_ending(row.upid) is None:
            pass


def terminate(site: Site, vm: Vm) -> Vm:
    facts.forget()
    Vm.update(vm_status="terminate", flow={}, due_at=1).where(Vm.id == vm.id).execute()
    gone = site.walk(vm)
    assert gone.vm_status == "remove"
    return vm


def volume(site: Site, volid: str) -> LabVolume:
    return next(one for one in site.lab.world.shelf.everything() if one.volid == volid)


def protect(site: Site, volid: str, on: bool = True) -> None:
    volume(site, volid).protected = on


def test_a_protected_one_is_deleted_once_it_is_free(site: Site, vm: Vm, tick: Tick) -> None:
    site.back_up(vm, vm_mark(site, vm))
    (volid,) = site.backups(vm)
    protect(site, volid)
    terminate(site, vm)
    (left,) = left_backups()
    assert (left.service_id, left.backup, left.storage, left.why) == (
        vm.service_id, volid, "backup", "it is protected",
    )  # fmt: skip
    assert tick() == [f"left on backup: {volid} is protected"] and site.backups(vm) == [volid]
    (reported,) = [check for check in doctor() if check.name == "left behind"]
    assert (
        reported.result == "warn" and volid in reported.sentence and str(vm.service_id) in reported.sentence
    )
    protect(site, volid, on=False)
    assert tick() == ["waiting"] and tick() == ["success"] and tick() == []
    assert site.backups(vm) == [] and left_backups() == []
    assert (
        Event.select().where(Event.text == f"left backup {volid} of service {vm.service_id} is gone").exists()
    )
    assert next(check.result for check in doctor() if check.name == "left behind") == "ok"
    (call,) = Call.select().where(Call.step == task.ACTION)
    assert (call.state, call.vm, call.vmid) == ("ended", None, vm.vmid)


def vm_mark(site: Site, vm: Vm) -> str:
    return f"kvmtui instance={site.walker.contexts.instance} vm={vm.uid}"


def test_a_storage_that_was_away_gives_up_only_what_bears_our_mark(site: Site, vm: Vm, tick: Tick) -> None:
    for notes in (vm_mark(site, vm), OTHERS, "taken by hand", vm_mark(site, vm)[:-1]):
        site.back_up(vm, notes)
    ours, *others = site.backups(vm)
    site.lab.world.storages["backup"]["active"] = 0
    terminate(site, vm)
    assert [(one.backup, one.why) for one in left_backups()] == [("", "the storage is away")]
    (still,) = tick()
    assert "storage backup is away on node" in still
    site.lab.world.storages["backup"]["active"] = 1
    assert tick() == ["waiting"]
    assert site.backups(vm) == others and ours not in others
    (by_hand,) = tick()
    assert "carries no mark of ours; delete it by hand" in by_hand and site.backups(vm) == others
    by_hand_name = others[1]
    assert by_hand_name in by_hand
    site.lab.world.shelf.remove(volume(site, by_hand_name))
    assert tick() == ["success"]  # what bears somebody else's mark was never ours to speak of
    assert len(site.backups(vm)) == 2


def test_an_unmarked_file_the_termination_saw_goes_and_a_later_one_of_that_number_stays(
    site: Site, vm: Vm, tick: Tick
) -> None:
    site.back_up(vm, "by hand, in its lifetime")
    (volid,) = site.backups(vm)
    protect(site, volid)
    terminate(site, vm)
    protect(site, volid, on=False)
    LeftBackup.update(since=1).execute()  # as if the file had been made after the machine was gone
    assert tick() == ["success"] and site.backups(vm) == [volid]
    LeftBackup.insert(
        server=site.server, service=vm.service_id, vmid=vm.vmid, vm_uid=vm.uid, vm_created_at=vm.created_at,
        storage="backup", volid=volid, why="it is protected", since=now_ms() + 86_400_000,
    ).execute()  # fmt: skip
    assert tick() == ["waiting"] and site.backups(vm) == []


def test_a_vm_that_exists_again_keeps_its_backups(site: Site, vm: Vm, tick: Tick) -> None:
    site.back_up(vm, vm_mark(site, vm))
    (volid,) = site.backups(vm)
    protect(site, volid)
    terminate(site, vm)
    protect(site, volid, on=False)
    Vm.update(vm_status="error_terminate").where(Vm.id == vm.id).execute()
    assert tick() == [] and LeftBackup.select().count() == 1
    Vm.update(vm_status="ready").where(Vm.id == vm.id).execute()
    assert tick() == ["skip"] and LeftBackup.select().count() == 0
    assert site.backups(vm) == [volid]


def test_the_pause_after_an_error_grows_each_time(
    site: Site, vm: Vm, tick: Tick, resources: TaskResources
) -> None:
    site.back_up(vm, vm_mark(site, vm))
    protect(site, site.backups(vm)[0])
    terminate(site, vm)
    protect(site, site.backups(vm)[0], on=False)
    site.lab.faults.add(InjectedFault(kind="task-error", task="imgdel", text="no luck"))
    waits = []
    for _ in range(3):
        site.server.failures, site.server.last_error = 9, "no route"
        site.server.save()
        assert "no route" in tick()[0]
        waits.append(round((LeftBackup.get().due_at - now_ms()) / 3_600_000))
    assert waits == [1, 2, 4]
    assert backups_due.run(resources).outcomes == []  # not due: nothing is asked
    site.server.failures = 0
    site.server.save()
    assert tick() == ["waiting"] and len(site.backups(vm)) == 1  # its task failed
    assert tick() == ["waiting"] and site.backups(vm) == [] and tick() == ["success"]
