"""A task that ends badly: what its kind of failure means for the step that started it."""

from __future__ import annotations

import pytest

from engine.actions import maintenance
from engine.queries.maintenance import backups, snapshots
from engine.store.models import LeftBackup, Run, Step, Vm
from kvmtui.lab import InjectedFault
from tests.maintenance.conftest import ME, PLAN
from tests.pipelines.conftest import Site

LOCKED = "can't lock file '/var/lock/qemu-server/lock-5000.conf' - got timeout"
PASSING = "no worker upid - start worker failed"


@pytest.fixture
def vm(site: Site) -> Vm:
    return site.walk(site.service(site.product(**PLAN), status="Active"))


def last(vm: Vm) -> Run:
    return Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()


def calls(site: Site, end: str) -> int:
    return sum(path.endswith(end) for method, path in site.changing() if method == "POST")


@pytest.mark.parametrize("text", [LOCKED, PASSING])
def test_a_backup_is_made_after_a_lock_or_a_passing_failure(site: Site, vm: Vm, text: str) -> None:
    site.lab.faults.add(InjectedFault(kind="task-error", task="vzdump", text=text))
    maintenance.create_backup(ME, vm.service_id)
    site.hurry(vm)
    assert (last(vm).result, len(backups(vm.service_id))) == ("success", 1)


def test_a_passing_failure_that_stays_fails_the_step_after_three_tasks(site: Site, vm: Vm) -> None:
    site.lab.requests.clear()
    site.lab.faults.add(InjectedFault(kind="task-error", task="vzdump", text=PASSING, count=0))
    maintenance.create_backup(ME, vm.service_id)
    site.hurry(vm)
    assert (last(vm).result, calls(site, "vzdump")) == ("error", 3)
    assert PASSING in last(vm).error


def test_a_task_that_nobody_answers_about_is_waited_for(site: Site, vm: Vm) -> None:
    """What it was asked to do is under way: a failure would be wrong, and would leave its end unknown."""
    site.lab.requests.clear()
    answers = InjectedFault(kind="status", code=503, method="GET", path="/tasks/.*/status$", count=0)
    site.lab.faults.add(answers)
    maintenance.create_backup(ME, vm.service_id)
    for _ in range(40):
        site.once(vm)
    assert last(vm).result == "waiting" and "Service Unavailable" in Vm.get_by_id(vm.id).wait_why
    site.lab.faults.clear()
    site.hurry(vm)
    assert (last(vm).result, calls(site, "vzdump")) == ("success", 1)


def test_a_permanent_failure_is_reported_at_once(site: Site, vm: Vm) -> None:
    site.lab.requests.clear()
    site.lab.faults.add(
        InjectedFault(kind="task-error", task="vzdump", text="no space left on device", count=0)
    )
    maintenance.create_backup(ME, vm.service_id)
    site.hurry(vm)
    assert (last(vm).result, calls(site, "vzdump")) == ("error", 1)


def test_a_backup_whose_task_is_forgotten_counts_when_it_is_there(site: Site, vm: Vm) -> None:
    site.lab.requests.clear()
    site.lab.faults.add(InjectedFault(kind="task-vanishes", task="vzdump"))
    maintenance.create_backup(ME, vm.service_id)
    site.hurry(vm)
    assert (last(vm).result, calls(site, "vzdump"), len(backups(vm.service_id))) == ("success", 1, 1)


def test_a_snapshot_whose_task_is_forgotten_is_ours_when_it_is_there(site: Site, vm: Vm) -> None:
    site.lab.faults.add(InjectedFault(kind="task-vanishes", task="qmsnapshot"))
    maintenance.create_snapshot(ME, vm.service_id, "before")
    site.hurry(vm)
    assert last(vm).result == "success"
    assert [(one.name, one.ours) for one in snapshots(vm.service_id)] == [("before", True)]


def test_a_termination_does_not_leave_a_backup_behind_for_a_lock(site: Site, vm: Vm) -> None:
    maintenance.create_backup(ME, vm.service_id)
    site.hurry(vm)
    site.lab.faults.add(InjectedFault(kind="task-error", task="imgdel", text=LOCKED))
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    assert site.hurry(vm).vm_status == "remove"
    assert LeftBackup.select().count() == 0 and site.backups(vm) == []


@pytest.mark.parametrize("task", ["qmclone", "qmigrate", "qmconfig", "resize", "qmstart", "qmdestroy"])
@pytest.mark.parametrize("text", [LOCKED, PASSING])
def test_no_step_fails_for_a_lock_or_one_passing_failure(site: Site, task: str, text: str) -> None:
    site.lab.faults.add(InjectedFault(kind="task-error", task=task, text=text))
    vm = site.service()
    assert site.hurry(vm).vm_status == "ready"
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    assert site.hurry(vm).vm_status == "remove"
    assert site.lab.faults.remaining() == []
    assert not Step.select().where(Step.result == "error").exists()
