"""Raw files on file storage: the plan that names them, and the repair that makes snapshots possible."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions import maintenance
from engine.pipelines.steps import facts
from engine.queries.disk_repair import disk_repairs
from engine.queries.maintenance import snapshots
from engine.store.models import Run, Vm
from kvmtui.lab import InjectedFault
from kvmtui.lab.disks import allocate
from tests.maintenance.conftest import ME, last
from tests.pipelines.conftest import Site

GIB = 1024**3
Done = Callable[[Vm], Run]


@pytest.fixture
def raw(site: Site, vm: Vm) -> Vm:
    """A VM that somebody gave two raw files."""
    world = site.lab.world
    site.lab.add_storage("files")
    for key, storage in (("scsi5", "files"), ("scsi6", "files")):
        made = site.lab._await(allocate(world, vm.node, storage, vm.vmid, 4 * GIB, fmt="raw"))
        site.lab.foreign_config(vm.vmid, **{key: f"{made.volid},iops_rd=100,size=4G"})
    facts.forget()
    return vm


def actions(vm: Vm) -> dict[str, str]:
    return {one.disk: one.action for one in disk_repairs(vm.service_id)}


def test_the_plan_names_what_is_converted_and_changes_nothing(site: Site, raw: Vm) -> None:
    site.lab.requests.clear()
    assert actions(raw) == {"scsi0": "keep", "scsi1": "keep", "scsi5": "convert", "scsi6": "convert"}
    assert site.changing() == []


def test_the_repair_makes_snapshots_possible_while_the_vm_runs(site: Site, raw: Vm, done: Done) -> None:
    maintenance.create_snapshot(ME, raw.service_id, "early")
    site.walk(raw)
    assert last(raw).result == "error" and f"vm repair-disk {raw.service_id} --plan" in last(raw).error
    maintenance.repair_disks(ME, raw.service_id)
    done(raw)
    config = site.guest(raw).config
    assert ".qcow2" in config["scsi5"] and ".qcow2" in config["scsi6"] and "iops_rd=100" in config["scsi5"]
    assert set(actions(raw).values()) == {"keep"} and site.guest(raw).status == "running"
    assert not [one for one in site.lab.volumes() if one.vmid == raw.vmid and one.volid.endswith(".raw")]
    maintenance.create_snapshot(ME, raw.service_id, "late")
    done(raw)
    assert [one.name for one in snapshots(raw.service_id)] == ["late"]


def test_a_repair_whose_answer_was_lost_converts_each_disk_once(site: Site, raw: Vm, done: Done) -> None:
    site.lab.faults.add(InjectedFault(kind="lost", method="POST", path="/move_disk"))
    maintenance.repair_disks(ME, raw.service_id)
    site.hurry(raw, looks=4000)
    assert last(raw).result == "success"
    moves = [one.detail for one in site.lab.effects if one.action == "move-disk"]
    assert len(moves) == 2 and set(actions(raw).values()) == {"keep"}


def test_nothing_to_convert_is_a_skip_that_names_what_stays(site: Site, vm: Vm, done: Done) -> None:
    world = site.lab.world
    site.lab.add_storage("thick", type="lvm")
    made = site.lab._await(allocate(world, vm.node, "thick", vm.vmid, 4 * GIB))
    site.lab.foreign_config(vm.vmid, scsi5=f"{made.volid},size=4G")
    facts.forget()
    assert actions(vm)["scsi5"] == "none"
    maintenance.repair_disks(ME, vm.service_id)
    done(vm)
    assert site.steps(vm)[0][1:] == ("skip", "no disk needs it")
    assert "scsi5 is on storage thick, which takes no snapshots" in site.notes(vm)


def test_a_disk_of_somebody_elses_guest_is_not_touched(site: Site, raw: Vm) -> None:
    site.lab.foreign_config(raw.vmid, description="written over by somebody")
    maintenance.repair_disks(ME, raw.service_id)
    site.walk(raw)
    assert "no mark" in last(raw).error and ".raw" in site.guest(raw).config["scsi5"]
