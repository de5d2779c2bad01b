"""Config values that need no task go in one call; each step reports its own line, and a refusal names its step."""

from __future__ import annotations

import pytest

from engine.store.models import Service
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site

OWN_LINE = (
    "set_cpu_ram",
    "set_system_disk_bandwidth",
    "set_created_additional_disk",
    "set_network",
    "set_cloudinit",
)
LOCKED = "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout"


def config_calls(site: Site) -> int:
    return sum(path.endswith("/config") for _, path in site.changing())


def test_a_deploy_writes_its_values_in_one_call_and_each_step_says_success(site: Site) -> None:
    vm = site.walk(site.service())
    assert vm.vm_status == "ready" and config_calls(site) == 1
    results = {step: result for step, result, _ in site.steps(vm)}
    assert [results[step] for step in OWN_LINE] == ["success"] * 5
    assert "size=5G" in site.guest(vm).config["scsi1"]
    assert "mbps_rd=100" in site.guest(vm).config["scsi0"] and "rate=12" in site.guest(vm).config["net0"]
    assert site.guest(vm).config["cipassword"].startswith("$6$")


def test_a_package_change_writes_its_values_in_one_call(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.requests.clear()
    options = {"memory": 4096, "bandwidth": 20, "system_disk_mbps_rd": 70}
    Service.update(options=options).where(Service.id == vm.service_id).execute()
    site.ask(vm, "ChangePackage")
    vm = site.walk(vm)
    assert (vm.vm_status, vm.error) == ("ready", "") and config_calls(site) == 1
    results = {step: result for step, result, _ in site.steps(vm)}
    assert [results[f"cp_{step}"] for step in ("cpu_ram", "system_disk_bandwidth", "network")] == [
        "success"
    ] * 3
    config = site.guest(vm).config
    assert config["memory"] == "4096" and "rate=20" in config["net0"] and "mbps_rd=70" in config["scsi0"]


def test_a_refused_joint_call_falls_back_so_that_the_failing_step_names_itself(site: Site) -> None:
    site.lab.revoke("VM.Config.Network")
    vm = site.walk(site.service())
    assert vm.error and "VM.Config.Network" in vm.error
    assert vm.vm_status == "set_additional_disk_bandwidth"  # the step that failed is the one after it
    results = [(step, result) for step, result, _ in site.steps(vm)]
    assert ("set_cpu_ram", "success") in results and results[-1] == ("set_network", "error")


def test_a_joint_task_that_fails_leaves_the_failure_to_the_step_of_the_disk(site: Site) -> None:
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmconfig", text="no space left", count=0))
    vm = site.hurry(site.service(), looks=4000)
    assert vm.vm_status == "set_system_disk_bandwidth" and "no space left" in vm.error
    assert {step: result for step, result, _ in site.steps(vm)} == {
        "set_ip": "success",
        "clone": "success",
        "set_dns": "success",
        "migrated": "success",
        "set_cpu_ram": "success",
        "set_system_disk_size": "success",
        "set_system_disk_bandwidth": "success",
        "set_created_additional_disk": "error",
    }
    assert site.guest(vm).config["memory"] == "2048"


def test_a_joint_task_that_meets_a_lock_is_sent_again_as_one_call(site: Site) -> None:
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmconfig", text=LOCKED))
    vm = site.hurry(site.service(), looks=4000)
    assert (vm.vm_status, vm.error, config_calls(site)) == ("ready", "", 2)
    results = {step: result for step, result, _ in site.steps(vm)}
    assert [results[step] for step in OWN_LINE] == ["success"] * 5


@pytest.mark.parametrize("after", [False, True], ids=["lost before", "lost after"])
def test_a_lost_answer_of_the_joint_call_leaves_no_value_out(site: Site, after: bool) -> None:
    site.lab.faults.add(InjectedFault(kind="lost", method="POST", path="/config$", after=after))
    vm = site.walk(site.service())
    assert (vm.vm_status, vm.error) == ("ready", "")
    config = site.guest(vm).config
    assert config["memory"] == "2048" and "rate=12" in config["net0"] and "mbps_rd=100" in config["scsi0"]
    assert config["cipassword"].startswith("$6$") and config["ciuser"] == vm.os_user
