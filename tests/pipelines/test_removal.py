"""Terminate, reinstall, redeploy: ours only, nothing freed too early, nothing left over."""

from __future__ import annotations

import pytest

from engine.ipam.allocate import addresses_of_vm
from engine.pipelines.registry import catalog
from engine.pipelines.steps import facts
from engine.store.models import Call, Client, Event, Run, Service, Vm, VmidClaim
from engine.work import reconcile
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site


def protect(site: Site, volid: str) -> None:
    storage, _, name = volid.partition(":")
    volume = next(one for one in site.lab.world.shelf.on("", storage) if one.name == name)
    volume.protected = True


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
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmdestroy", text="disk is on fire", count=0))
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


def test_a_delete_that_meets_a_lock_waits_and_is_not_given_up(site: Site) -> None:
    vm = site.walk(site.service())
    text = f"can't lock file '/var/lock/qemu-server/lock-{vm.vmid}.conf' - got timeout"
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmdestroy", text=text))
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    assert "got timeout" in " ".join(event.text for event in Event.select())


def test_a_locked_vm_is_parked_with_the_lock_as_its_reason(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_lock(vm.vmid, "backup")
    put(vm, "terminate")
    site.lab.requests.clear()
    parked = site.once(vm)
    assert (parked.wait_kind, parked.error) == ("lock", "")
    assert parked.wait_why == f"VM {vm.vmid} is locked (backup). Will retry."
    assert site.changing() == []
    site.lab.foreign_lock(vm.vmid, "")
    site.once(vm)
    assert site.walk(vm).vm_status == "remove"


def test_a_slow_shutdown_says_a_line_every_15_seconds(stepped_site: Site) -> None:
    site = stepped_site
    vm = site.walk(site.service())
    put(vm, "terminate")
    parked = site.once(vm)
    assert (parked.wait_kind, parked.wait_why) == ("task", "shutting down")
    flow = parked.flow | {"asked_at": parked.flow["asked_at"] - 31_000}
    Vm.update(flow=flow).where(Vm.id == vm.id).execute()
    site.once(vm)
    site.once(vm)
    lines = [event.text for event in Event.select() if "still shutting down" in event.text]
    assert len(lines) == 1 and "after 31 s of 120 s" in lines[0]
    assert site.walk(vm).vm_status == "remove"


def test_a_deploy_from_the_clone_on_stops_at_a_foreign_guest_under_the_vmid(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_delete(vm.vmid)
    site.lab.foreign_create(vm.vmid, node="pve1", name="stranger")
    stopped = site.again(vm, vm_status="set_ip")
    assert (stopped.vm_status, stopped.vmid) == ("set_ip", vm.vmid)
    assert "'stranger' and does not carry the mark of this VM" in stopped.error
    assert [guest.vmid for guest in site.lab.guests() if 5000 <= guest.vmid < 9000] == [vm.vmid]


def test_redeploy_leaves_a_foreign_guest_under_the_vmid_alone(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_delete(vm.vmid)
    site.lab.foreign_create(vm.vmid, node="pve1", name="stranger")
    new = site.again(vm, vm_status="clone", flow={"pipeline": "Redeploy", "action": "Deploy"})
    assert (new.vm_status, new.vmid) == ("ready", vm.vmid + 1)
    assert next(guest.name for guest in site.lab.guests() if guest.vmid == vm.vmid) == "stranger"


def test_redeploy_stops_at_our_vm_without_its_mark(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_config(vm.vmid, description="cleaned up by hand")
    stuck = site.again(vm, vm_status="clone", flow={"pipeline": "Redeploy", "action": "Deploy"})
    assert "not ours" in stuck.error and vm.vmid in numbers(site)
    assert [str(row.address) for row in addresses_of_vm(stuck)] == ["192.168.130.10"]


def test_a_service_that_was_never_made_terminates_without_proxmox(site: Site) -> None:
    vm = site.service()
    put(vm, "terminate")
    site.lab.requests.clear()
    assert site.walk(vm).vm_status == "remove"
    assert [path for method, path, _ in site.lab.requests.entries if method != "GET"] == []


def test_backups_of_the_vm_go_with_it_and_protected_ones_are_reported(site: Site) -> None:
    vm = site.walk(site.service())
    site.back_up(vm)
    site.back_up(vm)
    kept = site.backups(vm)[0]
    protect(site, kept)
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    assert site.backups(vm) == [kept]
    assert f"left behind on Proxmox: {kept}" in Client.get().notes
    assert Event.select().where(Event.kind == "alert", Event.text.contains(kept)).exists()


def test_backups_of_an_earlier_owner_of_the_number_stay(site: Site) -> None:
    vm = site.walk(site.service())
    site.back_up(
        vm, "kvmtui instance=00000000-0000-0000-0000-000000000001 vm=00000000-0000-0000-0000-000000000002"
    )
    site.back_up(vm)
    foreign = site.backups(vm)[0]
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    assert site.backups(vm) == [foreign] and "left behind" not in Client.get().notes


def test_a_backup_storage_that_is_away_is_reported_and_does_not_hold_the_termination(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.world.storages["backup"]["active"] = 0
    facts.forget()
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    assert "backup:(all)" in Client.get().notes


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
    site.lab.faults.add(InjectedFault(kind="task-error", task="resize", text="no luck"))
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
        InjectedFault(kind="task-error", task="qmshutdown", text="VM quit/powerdown failed - got timeout")
    )
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    assert any("did not shut down within 120 s" in event.text for event in Event.select())


def test_a_backup_whose_deletion_got_no_answer_is_followed_by_its_task(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "ARRIVING_MS", {"intent": 100, "ambiguous": 100})
    vm = site.walk(site.service())
    site.back_up(vm)
    site.lab.faults.add(InjectedFault(kind="lost", method="DELETE", path="/storage/backup/content/"))
    put(vm, "terminate")
    assert site.walk(vm).vm_status == "remove"
    call = Call.get(Call.method == "DELETE", Call.path.contains("/storage/backup/content/"))
    assert f":imgdel:{vm.vmid}@backup:" in call.upid
    assert (call.state, call.outcome, site.backups(vm)) == ("ended", "OK", [])


def test_a_reinstall_removes_nothing_before_its_template_and_storage_are_found(site: Site) -> None:
    vm = site.walk(site.service())
    site.ask(vm, "Reinstall", template="mistyped")
    failed = site.walk(vm)
    assert (failed.vm_status, site.guest(vm).status) == ("reinstall", "running")
    assert "template mistyped is not on server" in failed.error and "vm reset" in failed.error
    assert failed.template != "mistyped", "the next reinstall must not use it by itself"
    put(vm, "ready")
    product = vm.service.product
    product.spec = {**product.spec, "system_disk": {"storage": "nowhere", "size": 20}}
    product.save()
    site.ask(vm, "Reinstall")
    assert "nowhere" in site.walk(vm).error and site.guest(vm).status == "running"
