"""Terminate, reinstall, redeploy: ours only, nothing freed too early, nothing left over."""

from __future__ import annotations

from engine.ipam.allocate import addresses_of_vm
from engine.lab import Fault
from engine.pipelines.registry import catalog
from engine.store.models import Client, Event, Run, Service, Vm, VmidClaim
from tests.pipelines.conftest import Site


def put(vm: Vm, status: str) -> None:
    Vm.update(vm_status=status, flow={}, due_at=1).where(Vm.id == vm.id).execute()


def numbers(site: Site) -> set[int]:
    return {guest.vmid for guest in site.lab.guests()}


def test_terminate_removes_everything_and_only_then_frees(site: Site) -> None:
    vm = site.walk(site.service())
    before = numbers(site)
    put(vm, "terminate")
    done = site.walk(vm)
    assert (done.vm_status, done.error) == ("remove", "")
    assert before - numbers(site) == {vm.vmid}
    assert not [volume for volume in site.lab.volumes() if f"vm-{vm.vmid}-" in volume.volid]
    assert addresses_of_vm(done) == []
    assert VmidClaim.get(VmidClaim.vmid == vm.vmid).state == "tombstone"
    service = Service.get_by_id(vm.service_id)
    assert service.status == "Terminated" and service.ended_at
    assert "192.168.130.10" in Client.get().notes


def test_a_delete_that_fails_for_good_needs_an_operator_and_frees_nothing(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.faults.add(Fault(kind="task-error", task="qmdestroy", text="disk is on fire", count=0))
    put(vm, "terminate")
    done = site.walk(vm)
    assert done.vm_status == "error_terminate" and "disk is on fire" in done.error
    assert [str(row.address) for row in addresses_of_vm(done)] == ["192.168.130.10"]
    assert VmidClaim.get(VmidClaim.vmid == vm.vmid).state == "claimed"
    assert Service.get_by_id(vm.service_id).status == "Active"
    site.lab.faults.clear()
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"


def test_a_vm_that_is_gone_already_terminates(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_delete(vm.vmid)
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"


def test_a_foreign_guest_under_our_number_is_never_touched(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_delete(vm.vmid)
    site.lab.foreign_create(vm.vmid, node="pve1", name="not-ours")
    put(vm, "terminate")
    done = site.walk(vm)
    assert done.vm_status != "remove" and "not-ours" in done.error
    assert vm.vmid in numbers(site)
    assert addresses_of_vm(done)


def test_a_service_that_was_never_made_terminates_without_proxmox(site: Site) -> None:
    vm = site.service()
    put(vm, "terminate")
    site.lab.requests.clear()
    assert site.walk(vm).vm_status == "remove"
    assert [path for method, path, _ in site.lab.requests.entries if method != "GET"] == []


def test_backups_of_the_vm_go_with_it_and_protected_ones_are_told(site: Site) -> None:
    vm = site.walk(site.service())
    cluster = site.walker.servers.cluster(site.server)
    from engine.proxmox.guest import Guest
    from engine.proxmox.journal import SilentRecorder
    from engine.proxmox.mark import Mark

    with site.walker.servers.recording(SilentRecorder()):
        upid = Guest(cluster, vm.vmid, Mark(site.walker.instance, vm.uid)).backup("backup")
    while cluster.task_ending(upid) is None:
        pass
    assert [volume for volume in site.lab.volumes() if f"qemu-{vm.vmid}-" in volume.volid]
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    assert not [volume for volume in site.lab.volumes() if f"qemu-{vm.vmid}-" in volume.volid]


def test_reinstall_keeps_number_address_and_mac_and_changes_the_password(site: Site) -> None:
    vm = site.walk(site.service())
    old = site.guest(vm)
    site.ask(vm, "Reinstall", template=9001)
    new = site.walk(vm)
    assert (new.vm_status, new.error) == ("ready", "")
    assert (new.vmid, new.mac) == (vm.vmid, vm.mac)
    assert new.mac in site.guest(vm).config["net0"]
    assert site.guest(vm).config["cipassword"] != old.config["cipassword"]
    assert new.smbios_uuid != vm.smbios_uuid and new.template == "9001"
    run = Run.select().order_by(Run.id.desc()).first()
    assert (run.action, run.result) == ("Reinstall", "success")
    assert [step for step, _, _ in site.steps(vm)] == [
        step.status for step in catalog().named("Reinstall").steps
    ]


def test_redeploy_begins_from_nothing_and_clears_the_log(site: Site) -> None:
    site.lab.faults.add(Fault(kind="task-error", task="resize", text="no luck"))
    vm = site.walk(site.service())
    assert vm.error
    flow = {"pipeline": "Redeploy", "action": "Deploy"}
    Vm.update(flow=flow, error="", due_at=1).where(Vm.id == vm.id).execute()
    new = site.walk(vm)
    assert (new.vm_status, new.error) == ("ready", "")
    assert new.vmid == 5001 and vm.vmid not in numbers(site)
    assert [run.action for run in Run.select()] == ["Deploy"]


def test_a_stubborn_guest_is_switched_off_after_its_time(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.faults.add(
        Fault(kind="task-error", task="qmshutdown", text="VM quit/powerdown failed - got timeout")
    )
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    assert any("did not shut down within 120 s" in event.text for event in Event.select())
