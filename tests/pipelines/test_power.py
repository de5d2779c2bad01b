"""Power: a guest is stopped by force only when it had its time, and the log says only what happened."""

from __future__ import annotations

import pytest

from engine.actions import vms
from engine.proxmox.values import Resource
from engine.schedule import process_vms
from engine.store.models import Run, Vm
from kvmtui.lab import InjectedFault
from tests.maintenance.conftest import ME
from tests.pipelines.conftest import Site

LOCKED = "can't lock file '/var/lock/qemu-server/lock-5000.conf' - got timeout"
SAYS_TIME_RAN_OUT = "did not shut down within"


@pytest.fixture
def vm(site: Site) -> Vm:
    return site.walk(site.service(status="Active"))


def power_calls(site: Site) -> list[str]:
    return [path.rpartition("/")[2] for _, path in site.changing() if "/status/" in path]


@pytest.mark.parametrize("pipeline", ["ChangePackage", "Suspend", "ResetPassword"])
def test_a_busy_lock_is_waited_for_and_the_guest_keeps_its_time(site: Site, vm: Vm, pipeline: str) -> None:
    site.lab.foreign_config(vm.vmid, agent="0")
    site.lab.requests.clear()
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmshutdown", text=LOCKED, count=2))
    site.ask(vm, pipeline)
    site.hurry(vm)
    stops = [call for call in power_calls(site) if call != "start"]
    assert stops == ["shutdown", "shutdown", "shutdown"]
    assert not any(SAYS_TIME_RAN_OUT in note for note in site.notes(vm))
    assert Run.select().order_by(Run.id.desc()).first().result == "success"


def test_a_guest_started_a_moment_ago_keeps_its_time(site: Site, vm: Vm) -> None:
    """`qm cleanup` of the stop before holds the config's lock for half a minute."""
    site.lab.requests.clear()
    site.lab.hold_config_lock(vm.vmid, 60)
    site.ask(vm, "Suspend")
    site.hurry(vm)
    assert set(power_calls(site)) == {"shutdown"} and site.guest(vm).status == "stopped"


def test_a_guest_that_had_its_time_is_stopped_by_force(site: Site, vm: Vm) -> None:
    site.lab.world.roster[vm.vmid].deaf = True
    site.lab.requests.clear()
    site.ask(vm, "Suspend")
    site.hurry(vm)
    assert power_calls(site) == ["shutdown", "stop"]
    assert [note for note in site.notes(vm) if SAYS_TIME_RAN_OUT in note] == [
        "the guest did not shut down within 120 s; it is stopped by force"
    ]


def test_a_stop_by_force_that_meets_a_lock_is_tried_again(site: Site, vm: Vm) -> None:
    site.lab.world.roster[vm.vmid].deaf = True
    site.lab.requests.clear()
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmstop", text=LOCKED))
    site.ask(vm, "Suspend")
    site.hurry(vm)
    assert power_calls(site) == ["shutdown", "stop", "stop"]
    assert site.guest(vm).status == "stopped"


def test_a_guest_that_is_started_again_by_somebody_is_not_stopped_by_force(site: Site, vm: Vm) -> None:
    """The shutdown went well and the guest runs all the same: that says nothing about its patience."""
    site.lab.requests.clear()
    site.ask(vm, "Suspend")
    parked = site.once(vm)
    while site.guest(vm).status == "running":
        pass
    site.lab.foreign_power(vm.vmid, "running")
    parked = site.hurry(vm)
    assert "stop" not in power_calls(site)
    assert not any(SAYS_TIME_RAN_OUT in note for note in site.notes(parked))


def test_a_shutdown_that_nobody_can_account_for_is_asked_again(site: Site, vm: Vm) -> None:
    site.lab.requests.clear()
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmshutdown", text="interrupted by signal"))
    site.ask(vm, "Suspend")
    site.hurry(vm)
    assert power_calls(site) == ["shutdown", "shutdown"]
    assert site.guest(vm).status == "stopped"


def test_a_reboot_whose_task_met_a_lock_is_sent_again(site: Site, vm: Vm) -> None:
    site.lab.requests.clear()
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmreboot", text=LOCKED))
    site.ask(vm, "Reboot")
    site.hurry(vm)
    assert power_calls(site) == ["reboot", "reboot"]
    assert Run.select().order_by(Run.id.desc()).first().result == "success"


def remote(vm: Vm) -> str:
    return str(Vm.get_by_id(vm.id).remote_status)


def test_a_command_is_not_refused_for_how_the_vm_stood_before_the_stop(site: Site, vm: Vm) -> None:
    Vm.update(remote_status="running").execute()
    vms.power(ME, vm.service_id, "stop")
    site.walk(vm)
    assert remote(vm) == "stopped"
    vms.run_step(ME, vm.service_id, "Set CPU RAM")
    site.walk(vm)
    assert Run.select().order_by(Run.id.desc()).first().result == "success"


def test_every_power_command_writes_down_what_it_saw(site: Site, vm: Vm) -> None:
    for verb, seen in (
        ("shutdown", "stopped"),
        ("start", "running"),
        ("reboot", "running"),
        ("stop", "stopped"),
    ):
        Vm.update(remote_status="").execute()
        vms.power(ME, vm.service_id, verb)
        site.walk(vm)
        assert (verb, remote(vm)) == (verb, seen)


def test_the_list_of_guests_does_not_undo_what_a_step_saw(site: Site, vm: Vm) -> None:
    vms.power(ME, vm.service_id, "stop")
    site.walk(vm)
    stale = {vm.vmid: Resource(vm.vmid, vm.node, "qemu", vm.name, "running", False, None, 0, 0)}
    process_vms._note_states(site.server.id, stale)
    assert remote(vm) == "stopped"
    Vm.update(remote_seen_at=1).execute()
    process_vms._note_states(site.server.id, stale)
    assert remote(vm) == "running"
