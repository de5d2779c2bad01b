"""Module commands: one step, no retry, vm_status untouched, the legend enforced."""

from __future__ import annotations

import pytest

from engine.pipelines import command_table
from engine.pipelines.registry import catalog
from engine.store.models import Run, Service
from tests.pipelines.conftest import Site


def test_power_commands_follow_each_other(site: Site) -> None:
    vm = site.walk(site.service())
    for command, status in (("Shutdown", "stopped"), ("Start", "running"), ("Stop", "stopped")):
        site.ask(vm, command)
        assert site.walk(vm).vm_status == "ready"
        assert site.guest(vm).status == status
    assert [run.action for run in Run.select().order_by(Run.id)] == ["Deploy", "Shutdown", "Start", "Stop"]


def test_suspend_and_unsuspend_move_the_service(site: Site) -> None:
    vm = site.walk(site.service())
    site.ask(vm, "Suspend")
    site.walk(vm)
    assert (site.guest(vm).status, Service.get().status) == ("stopped", "Suspended")
    site.ask(vm, "Unsuspend")
    site.walk(vm)
    assert (site.guest(vm).status, Service.get().status) == ("running", "Active")


def test_a_command_only_for_vms_that_are_off_is_refused_by_the_step_too(site: Site) -> None:
    vm = site.walk(site.service())
    site.ask(vm, "Set CPU RAM")
    vm = site.walk(vm)
    assert vm.vm_status == "ready"
    run = Run.select().order_by(Run.id.desc()).first()
    assert run.result == "error" and "only while the VM is off" in run.error


def test_single_steps_put_right_what_a_foreign_hand_changed(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_config(vm.vmid, net0=f"e1000={vm.mac},bridge=vmbr1")
    site.ask(vm, "Set Network")
    site.walk(vm)
    assert "bridge=vmbr0" in site.guest(vm).config["net0"] and vm.mac in site.guest(vm).config["net0"]


@pytest.mark.parametrize("command", command_table.COMMANDS, ids=lambda command: command.name)
def test_every_command_of_the_legend_is_a_pipeline(command: command_table.Command) -> None:
    assert catalog().named(command.name).steps
    assert not command.next or catalog().named(command.next)


@pytest.mark.parametrize(
    ("name", "status", "running", "refusal"),
    [
        ("Set CPU RAM", "ready", True, "only while the VM is off"),
        ("Set CPU RAM", "ready", False, None),
        ("Set Network", "ready", True, None),
        ("Start", "clone", False, "needs a VM that is ready"),
        ("VMRemove", "remove", False, "is in remove"),
    ],
)
def test_the_legend_guards(name: str, status: str, running: bool, refusal: str | None) -> None:
    said = command_table.check(name, status, running)
    assert said is None if refusal is None else refusal in (said or "")


def test_a_vm_suspended_to_disk_can_be_started(site: Site) -> None:
    vm = site.walk(site.service())
    site.ask(vm, "Stop")
    site.walk(vm)
    site.lab.foreign_config(vm.vmid, lock="suspended")
    site.ask(vm, "Start")
    for _ in range(40):
        vm = site.once(vm)
        if any(path.endswith("/status/start") for _, path in site.changing()[-3:]):
            break
    assert vm.wait_kind != "lock", vm.wait_why
