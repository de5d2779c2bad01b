"""ChangePackage: only what differs, smaller disks skipped, stop and start always."""

from __future__ import annotations

from engine.ipam.allocate import addresses_of_vm
from engine.store.models import Product, Service, Vm
from engine.work.requests import queue_of
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import SPEC, Site, make_pool


def changed(site: Site, vm: Vm, **options: object) -> Vm:
    Service.update(options=options).where(Service.id == vm.service_id).execute()
    site.ask(vm, "ChangePackage")
    return site.walk(vm)


def test_what_differs_is_applied_and_the_rest_is_skipped(site: Site) -> None:
    vm = site.walk(site.service())
    before = site.guest(vm).config
    site.lab.requests.clear()
    vm = changed(site, vm, cores=4, system_disk=30)
    after = site.guest(vm).config
    assert vm.vm_status == "ready" and after["cores"] == 4 and "size=30G" in after["scsi0"]
    assert after["net0"] == before["net0"] and after["cipassword"] == before["cipassword"]
    results = {step: (result, error) for step, result, error in site.steps(vm)}
    assert results["cp_cpu_ram"][0] == "success" and results["cp_stop"][0] == "success"
    assert results["cp_start"][0] == "success"
    for same in ("cp_system_disk_bandwidth", "cp_network", "cp_firewall"):
        assert results[same] == ("skip", "no change")
    assert Vm.get_by_id(vm.id).plan["cores"] == 4


def test_a_vm_is_not_stopped_for_a_disk_on_a_storage_that_is_missing(site: Site) -> None:
    product = site.product(additional_disk={"size": 0})
    vm = site.walk(site.service(product))
    spec = {**product.spec, "additional_disk": {"storage": "nowhere", "size": 5}}
    Product.update(spec=spec).where(Product.id == product.id).execute()
    vm = changed(site, vm)
    assert (vm.vm_status, site.guest(vm).status) == ("cp_update_ip", "running")
    assert "nowhere" in vm.error and "was not stopped" in vm.error
    Product.update(spec={**spec, "additional_disk": {"storage": "local-lvm", "size": 5}}).execute()
    vm = site.again(vm)
    assert (vm.vm_status, vm.error) == ("ready", "") and "size=5G" in site.guest(vm).config["scsi1"]


def test_a_smaller_disk_is_skipped_with_its_reason(site: Site) -> None:
    vm = changed(site, site.walk(site.service()), system_disk=10)
    assert ("cp_system_disk_size", "skip", "new size is smaller") in site.steps(vm)
    assert "size=20G" in site.guest(vm).config["scsi0"]


def test_more_and_fewer_addresses_follow_into_the_set(site: Site) -> None:
    vm = changed(site, site.walk(site.service()), ipv4=3)
    assert [str(row.address) for row in addresses_of_vm(vm)] == [
        "192.168.130.10",
        "192.168.130.11",
        "192.168.130.12",
    ]
    vm = changed(site, vm, ipv4=1)
    assert [str(row.address) for row in addresses_of_vm(vm)] == ["192.168.130.10"]


def test_an_address_on_another_bridge_is_given_up_only_when_the_set_forbids_it(site: Site) -> None:
    make_pool(site.server, "IPv4", "10.9.0.1", 24, "10.9.0.10", "10.9.0.20", bridge="vmbr1")
    vm = site.walk(site.service())
    moved = {**SPEC["network"], "bridge": "vmbr1", "auto_bridge": False}
    Product.update(spec={**SPEC, "network": moved}).where(Product.id == vm.service.product_id).execute()
    site.lab.faults.add(
        InjectedFault(kind="status", method="POST", path="/firewall/ipset", code=500, text="no")
    )
    vm = changed(site, vm)
    assert vm.vm_status == "change_package" and vm.error
    assert [str(row.address) for row in addresses_of_vm(vm)] == ["10.9.0.10", "192.168.130.10"]
    vm = site.again(vm)
    assert vm.vm_status == "ready" and "bridge=vmbr1" in site.guest(vm).config["net0"]
    assert [str(row.address) for row in addresses_of_vm(vm)] == ["10.9.0.10"]
    assert site.anti_spoofing(vm) == ["10.9.0.10"]


def test_a_request_while_another_pipeline_runs_waits_its_turn(site: Site) -> None:
    vm = site.service()
    site.ask(vm, "ChangePackage")
    vm = site.walk(vm)
    assert (vm.vm_status, queue_of(vm.id)) == ("ready", [])
    assert site.steps(vm)[0][0] == "cp_update_ip"
