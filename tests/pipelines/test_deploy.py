"""Deploy against the simulated cluster: what the cluster holds at the end, and at what price."""

from __future__ import annotations

from engine.ipam.allocate import addresses_of_vm
from engine.pipelines.registry import catalog
from engine.proxmox.mark import Mark
from engine.store.models import Event, Run, Service, Vm, VmidClaim
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site

POLLS = "/tasks"
LOCKED = "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout"


def test_a_deploy_ends_ready_with_everything_the_plan_says(site: Site) -> None:
    vm = site.walk(site.service())
    assert (vm.vm_status, vm.error) == ("ready", "")
    guest = site.guest(vm)
    config = guest.config
    assert guest.description == Mark(site.walker.contexts.instance, vm.uid).line
    assert guest.status == "running" and guest.node == vm.node
    assert (config["cores"], config["memory"]) == (2, "2048")
    assert (
        "size=20G" in config["scsi0"]
        and "mbps_rd=100" in config["scsi0"]
        and "iops_wr=500" in config["scsi0"]
    )
    assert "size=5G" in config["scsi1"]
    assert vm.mac in config["net0"] and "rate=12" in config["net0"] and "firewall=1" in config["net0"]
    assert config["ipconfig0"] == "gw=192.168.130.1,ip=192.168.130.10/24"
    assert config["nameserver"] == "9.9.9.9 1.1.1.1" and config["ciuser"] == vm.os_user
    assert config["cipassword"].startswith("$6$")
    assert Service.get_by_id(vm.service_id).status == "Active"
    assert vm.smbios_uuid in config["smbios1"]


def test_the_log_has_the_fifteen_steps_in_order_under_one_run(site: Site) -> None:
    vm = site.walk(site.service())
    wanted = [step.status for step in catalog().named("Deploy").steps]
    assert [step for step, _, _ in site.steps(vm)] == wanted
    assert [(run.action, run.result, run.from_status, run.to_status) for run in Run.select()] == [
        ("Deploy", "success", "creation", "ready")
    ]
    lines = [event.text for event in Event.select().where(Event.text != "")]
    assert lines[0] == f"--- Deploy: service={vm.service_id} vm=- status=creation ---"
    assert lines[-1] == f"--- Deploy complete: service={vm.service_id} status=ready ---"
    assert any(line.startswith(f"[+] sid:{vm.service_id}  1. Allocate IP") for line in lines)


def test_a_deploy_costs_few_requests(site: Site) -> None:
    site.walk(site.service())
    paths = [(method, path) for method, path, _ in site.lab.requests.entries]
    polls = [path for _, path in paths if POLLS in path]  # how many depends on the speed of the machine
    assert len(paths) - len(polls) <= 33
    changing = [path for method, path in paths if method != "GET"]
    assert len(changing) == 8  # not one call that was not needed


def test_a_clone_that_meets_a_lock_is_sent_again_after_one_question(site: Site) -> None:
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmclone", text=LOCKED))
    vm = site.hurry(site.service(), looks=4000)
    assert (vm.vm_status, vm.error) == ("ready", "")
    paths = [path.partition("?")[0].removeprefix("/api2/json") for _, path, _ in site.lab.requests.entries]
    first, second = (n for n, path in enumerate(paths) if path.endswith("/clone"))
    between = [path for path in paths[first + 1 : second] if not path.endswith(POLLS)]
    assert between.count("/cluster/nextid") == 1 and len(between) <= 2, between  # and how its task ended


def test_a_full_pool_fails_with_the_reason_and_continues_when_there_is_room(site: Site) -> None:
    vm = site.walk(site.service(site.product(network={"ipv4": 40})))
    assert vm.vm_status == "creation" and "192.168.130.10" in vm.error
    assert Run.get().result == "error"
    Service.update(options={"ipv4": 1}).where(Service.id == vm.service_id).execute()
    Vm.update(due_at=1).where(Vm.id == vm.id).execute()
    assert site.walk(vm).vm_status == "ready"
    assert [run.result for run in Run.select().order_by(Run.id)] == ["error", "success"]


def test_a_missing_template_is_reported(site: Site) -> None:
    vm = site.walk(site.service(site.product(template="no-such")))
    assert vm.vm_status == "set_ip" and "template no-such is not on server pve-lab" in vm.error


def test_numbers_of_foreign_guests_are_passed_by(site: Site) -> None:
    site.lab.foreign_create(5000)
    vm = site.walk(site.service())
    assert vm.vmid == 5001 and vm.vm_status == "ready"
    assert [path for _, path in site.changing() if path.endswith("/clone")] == ["qemu/9000/clone"]
    tomb = VmidClaim.get(VmidClaim.vmid == 5000)
    assert tomb.state == "tombstone" and tomb.vm is None


def test_a_vmid_taken_between_check_and_clone_is_released(site: Site) -> None:
    site.lab.faults.add(
        InjectedFault(
            kind="foreign", method="POST", path="/clone", action="create", args={"vmid": 5000, "node": "pve1"}
        )
    )
    vm = site.walk(site.service())
    assert (vm.vm_status, vm.vmid) == ("ready", 5001)
    foreign = next(guest for guest in site.lab.guests() if guest.vmid == 5000)
    assert "kvmtui" not in foreign.description


def test_a_linked_clone_on_local_storage_stays_where_its_template_is(site: Site) -> None:
    vm = site.walk(site.service(site.product(clone="linked", target_node="pve2")))
    assert (vm.vm_status, vm.node) == ("ready", "pve1")
    why = next(error for step, result, error in site.steps(vm) if step == "migrated")
    assert why == "stays on pve1: disk scsi0 is a linked clone on local storage local-lvm"


def test_addresses_of_both_families_reach_the_guest_and_its_set(site: Site) -> None:
    vm = site.walk(site.service(site.product(network={"ipv4": 1, "ipv6": 1})))
    held = [str(row.address) for row in addresses_of_vm(vm)]
    assert held == ["192.168.130.10", "2001:db8::10"]
    assert site.guest(vm).config["ipconfig0"] == (
        "gw=192.168.130.1,gw6=2001:db8::1,ip=192.168.130.10/24,ip6=2001:db8::10/64"
    )


def test_a_failing_task_is_an_error_and_the_next_try_begins_at_that_step(site: Site) -> None:
    site.lab.faults.add(InjectedFault(kind="task-error", task="resize", text="storage is sad"))
    vm = site.walk(site.service())
    assert vm.vm_status == "set_cpu_ram" and "storage is sad" in vm.error
    Vm.update(due_at=1).where(Vm.id == vm.id).execute()
    vm = site.walk(vm)
    assert (vm.vm_status, vm.error) == ("ready", "")
    assert site.steps(vm)[0][0] == "set_system_disk_size"


def test_many_deploy_at_once_without_sharing_anything(site: Site) -> None:
    product = site.product()
    vms = [site.service(product) for _ in range(6)]
    done = [site.walk(vm, 60) for vm in vms]
    assert {vm.vm_status for vm in done} == {"ready"}
    assert len({vm.vmid for vm in done}) == 6
    assert len({str(addresses_of_vm(vm)[0].address) for vm in done}) == 6
