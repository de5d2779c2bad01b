"""Snapshots by hand: ours by proof alone, aged by their own age, and a rollback that leaves the VM as it ran."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions import maintenance
from engine.clock import now_ms
from engine.pipelines.steps.snapshots import DAY_MS
from engine.proxmox.guest import Guest
from engine.proxmox.journal import SilentRecorder
from engine.proxmox.mark import Mark
from engine.queries.maintenance import snapshots
from engine.schedule import old_snapshots
from engine.store.models import Run, Snapshot, Vm
from engine.work.task import TaskResources
from kvmtui.lab.faults import InjectedFault
from tests.maintenance.conftest import ME, last
from tests.pipelines.conftest import Site

Done = Callable[[Vm], Run]


def by_hand(site: Site, vm: Vm, name: str) -> None:
    """Somebody takes a snapshot in Proxmox."""
    cluster = site.walker.servers.cluster(site.server)
    with site.walker.servers.recording(SilentRecorder()):
        upid = Guest(cluster, vm.vmid, Mark(site.walker.contexts.instance, vm.uid)).create_snapshot(name)
    while cluster.task_ending(upid) is None:
        pass


def test_a_name_in_use_is_refused_and_stays_theirs(site: Site, vm: Vm, resources: TaskResources) -> None:
    by_hand(site, vm, "before")
    maintenance.create_snapshot(ME, vm.service_id, "before")
    site.walk(vm)
    assert "there is a snapshot before already" in last(vm).error
    assert [(one.name, one.ours) for one in snapshots(vm.service_id)] == [("before", False)]
    assert old_snapshots.run(resources).processed == 0


def test_a_name_used_again_begins_a_new_age(site: Site, vm: Vm, resources: TaskResources, done: Done) -> None:
    Snapshot.insert(vm=vm.id, name="again", at=now_ms() - 9 * DAY_MS).execute()  # gone with a reinstall
    maintenance.create_snapshot(ME, vm.service_id, "again")
    done(vm)
    assert old_snapshots.run(resources).processed == 0
    assert [(one.name, one.ours) for one in snapshots(vm.service_id)] == [("again", True)]


def test_a_snapshot_that_failed_says_why(site: Site, vm: Vm) -> None:
    site.lab.faults.add(
        InjectedFault(kind="task-error", task="qmsnapshot", text="snapshot feature is not available")
    )
    maintenance.create_snapshot(ME, vm.service_id, "before")
    site.walk(vm)
    assert "snapshot feature is not available" in last(vm).error
    assert Snapshot.select().count() == 0 and Vm.get_by_id(vm.id).error == ""


@pytest.mark.parametrize("power", ["running", "stopped"])
def test_a_rollback_leaves_the_vm_as_it_ran_and_ours(site: Site, vm: Vm, done: Done, power: str) -> None:
    maintenance.create_snapshot(ME, vm.service_id, "before")
    done(vm)
    guest = site.lab.world.roster[vm.vmid]
    guest.descriptions["before"] = "notes from before it was ours"
    site.lab.foreign_power(vm.vmid, power)
    site.lab.foreign_config(vm.vmid, cores=1)
    maintenance.roll_back(ME, vm.service_id, "before")
    done(vm)
    after = site.guest(vm)
    assert (after.status, after.config["cores"]) == (power, 2)
    assert f"vm={vm.uid}" in after.description and "notes from before it was ours" in after.description


def test_a_locked_vm_is_waited_for(site: Site, vm: Vm, done: Done) -> None:
    site.lab.foreign_lock(vm.vmid, "backup")
    maintenance.create_snapshot(ME, vm.service_id, "before")
    parked = site.once(vm)
    assert (parked.wait_kind, parked.wait_why) == ("lock", f"VM {vm.vmid} is locked (backup). Will retry.")
    site.lab.foreign_lock(vm.vmid, "")
    site.once(vm)
    assert done(vm).action == "Snapshot"
