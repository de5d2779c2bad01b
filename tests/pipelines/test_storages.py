"""Storages of a product: one that is not there fails the clone, and new disks can be snapshotted."""

from __future__ import annotations

import pytest

from engine.actions import maintenance
from engine.pipelines.steps import facts
from engine.queries.maintenance import snapshots
from engine.store.models import Vm
from tests.maintenance.conftest import ME
from tests.pipelines.conftest import Site


def clones(site: Site) -> list[str]:
    return [path for method, path in site.changing() if path.endswith("/clone")]


@pytest.mark.parametrize("clone", ["full", "linked"])
def test_a_storage_that_is_nowhere_fails_the_clone(site: Site, clone: str) -> None:
    vm = site.walk(site.service(site.product(clone=clone, system_disk={"storage": "fast", "size": 10})))
    assert vm.vm_status == "set_ip" and "storage fast of the product is not on pve1, pve2, pve3" in vm.error
    assert clones(site) == []


def test_the_storage_of_the_additional_disk_is_checked_before_the_clone(site: Site) -> None:
    vm = site.walk(site.service(site.product(additional_disk={"storage": "bulk", "size": 10})))
    assert vm.vm_status == "set_ip" and "storage bulk" in vm.error and clones(site) == []
    site.lab.add_storage("bulk")
    facts.forget()
    assert site.again(vm).vm_status == "ready"


def test_a_storage_the_token_may_not_use_fails_the_clone(site: Site) -> None:
    site.lab.add_storage("fast")
    for privilege in ("Datastore.Audit", "Datastore.AllocateSpace"):
        site.lab.revoke(privilege, "/storage/fast")
    vm = site.walk(site.service(site.product(system_disk={"storage": "fast", "size": 10})))
    assert vm.vm_status == "set_ip" and "Datastore.AllocateSpace on /storage/fast" in vm.error
    assert clones(site) == []


def test_a_storage_without_images_fails_the_clone(site: Site) -> None:
    vm = site.walk(site.service(site.product(system_disk={"storage": "backup", "size": 10})))
    assert vm.vm_status == "set_ip" and "takes no disk images" in vm.error and clones(site) == []


def test_a_disk_that_only_a_move_could_bring_home_is_not_left_elsewhere(site: Site) -> None:
    """The storage is on pve3 alone, and pve3 is too small: the VM does not become ready on another storage."""
    site.lab.add_storage("fast", nodes="pve3")
    product = site.product(memory=40 * 1024, system_disk={"storage": "fast", "size": 10})
    vm = site.walk(site.service(product))
    assert vm.vm_status == "set_dns" and "the product asks for storage fast" in vm.error
    product.spec = {**product.spec, "memory": 1024}
    product.save()
    ready = site.again(vm)
    assert (ready.vm_status, ready.node) == ("ready", "pve3")
    assert site.guest(ready).config["scsi0"].startswith("fast:")


def test_a_linked_clone_says_which_storage_it_stays_on(site: Site) -> None:
    vm = site.walk(site.service(site.product(clone="linked", system_disk={"storage": "ceph", "size": 10})))
    assert vm.vm_status == "ready"
    assert "a linked clone stays on local-lvm, the storage of its template, not on ceph" in site.notes(vm)


@pytest.mark.parametrize("system", ["local-lvm", "files"])
def test_disks_on_file_storage_are_qcow2_and_can_be_snapshotted(site: Site, system: str) -> None:
    site.lab.add_storage("files")
    product = site.product(
        snapshots=2,
        system_disk={"storage": system, "size": 10},
        additional_disk={"storage": "files", "size": 5},
    )
    vm = site.walk(site.service(product))
    config = site.guest(vm).config
    assert config["scsi1"].split(",")[0].endswith(".qcow2")
    assert config["scsi0"].split(",")[0].endswith(".qcow2") == (system == "files")
    maintenance.create_snapshot(ME, vm.service_id, "before")
    site.walk(vm)
    assert [one.name for one in snapshots(vm.service_id)] == ["before"]


def test_no_format_is_sent_where_a_storage_has_only_one(site: Site) -> None:
    vm = site.walk(site.service())
    assert Vm.get_by_id(vm.id).vm_status == "ready"
    assert "format" not in site.guest(vm).config["scsi1"]
