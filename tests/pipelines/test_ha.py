"""Guests under HA: asked for a state once and waited for, found again after a move, never fought."""

from __future__ import annotations

import pytest

from engine.pipelines.steps import ha
from engine.store.models import Run, Service, Step, Vm
from kvmtui.lab import Fault
from tests.pipelines.conftest import Site


@pytest.fixture
def vm(site: Site) -> Vm:
    made = site.walk(
        site.service(site.product(system_disk={"storage": "ceph"}, template=9010), status="Active")
    )
    site.lab.ha_manage(made.vmid)
    site.lab.requests.clear()
    return made


def power_calls(site: Site) -> list[str]:
    return [path.rpartition("/")[2] for _, path in site.changing() if "/status/" in path]


def last(vm: Vm) -> Run:
    return Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()


@pytest.mark.parametrize(
    ("pipeline", "calls", "status"),
    [
        ("Stop", ["stop"], "stopped"),
        ("Shutdown", ["shutdown"], "stopped"),
        ("Suspend", ["shutdown"], "stopped"),
        ("ChangePackage", ["shutdown", "start"], "running"),
        ("ResetPassword", ["shutdown", "start"], "running"),
    ],
)
def test_ha_is_asked_once_and_waited_for(
    site: Site, vm: Vm, pipeline: str, calls: list[str], status: str
) -> None:
    site.lab.foreign_config(vm.vmid, agent="0")
    Service.update(options={"cores": 4}).where(Service.id == vm.service_id).execute()
    site.ask(vm, pipeline)
    site.hurry(vm, looks=4000)
    assert (last(vm).result, last(vm).error) == ("success", "")
    assert (power_calls(site), site.guest(vm).status) == (calls, status)
    if pipeline == "ChangePackage":
        assert site.guest(vm).config["cores"] == 4


def test_the_wait_names_ha(site: Site, vm: Vm) -> None:
    site.ask(vm, "Stop")
    site.hurry(vm, looks=4000)
    waits = [row.error for row in Step.select().where(Step.run == last(vm).id)]
    events = [row for row in waits if "HA" in row]
    assert events == [] or "managed by HA" in events[0]


def test_ha_that_does_not_act_is_named_in_the_failure(
    site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ha, "PATIENCE_S", 0)
    site.lab.ha_manage(vm.vmid, state="error")
    site.ask(vm, "Stop")
    site.hurry(vm)
    assert "HA gave up on it after an error" in last(vm).error and power_calls(site) == []
    assert site.guest(vm).status == "running"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/status/shutdown$"),
        ("PUT", "/config$"),
        ("PUT", "/resize$"),
        ("GET", "/status/current$"),
        ("PUT", "/firewall/options"),
        ("POST", "/status/start$"),
    ],
)
def test_a_guest_that_ha_moves_in_the_middle_is_found_again(
    site: Site, vm: Vm, method: str, path: str
) -> None:
    target = next(name for name in ("pve3", "pve2") if name != vm.node)
    Service.update(options={"cores": 4, "system_disk": 9}).where(Service.id == vm.service_id).execute()
    product = vm.service.product
    product.spec = {**product.spec, "firewall": {"ndp": False}}
    product.save()
    move = {"vmid": vm.vmid, "target": target}
    site.lab.faults.add(Fault("foreign", action="migrate", args=move, method=method, path=path))
    site.ask(vm, "ChangePackage")
    row = site.hurry(vm, looks=4000)
    assert (row.vm_status, row.error, last(vm).result) == ("ready", "", "success")
    assert (site.guest(vm).node, row.node) == (target, target)
    assert site.guest(vm).config["cores"] == 4 and site.guest(vm).status == "running"
    assert f"the VM has moved from {vm.node} to {target}" in site.notes(vm)
    assert not Step.select().where(Step.result == "error").exists()


def test_a_move_of_has_own_is_waited_for(site: Site, vm: Vm) -> None:
    target = next(name for name in ("pve3", "pve2") if name != vm.node)
    site.lab.ha_move(vm.vmid, target)
    site.ask(vm, "Stop")
    row = site.hurry(vm, looks=4000)
    assert (last(vm).result, row.node, site.guest(vm).status) == ("success", target, "stopped")


def test_a_guest_ha_has_started_in_between_is_not_stopped_again(site: Site, vm: Vm) -> None:
    """What could not take effect while it runs is told as pending."""
    Service.update(options={"cores": 4}).where(Service.id == vm.service_id).execute()
    running = {"vmid": vm.vmid, "status": "running"}
    site.lab.faults.add(Fault("foreign", action="power", args=running, method="PUT", path="/config$"))
    site.ask(vm, "ChangePackage")
    site.hurry(vm, looks=4000)
    assert power_calls(site) == ["shutdown"] and last(vm).result == "success"
    assert "pending: cores: 2 now, 4 after the next start" in site.notes(vm)


def test_a_vm_under_ha_is_terminated_through_ha(site: Site, vm: Vm) -> None:
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    row = site.hurry(vm, looks=4000)
    assert (row.vm_status, power_calls(site)) == ("remove", ["shutdown"])
    assert site.lab.guest(vm.vmid) is None


def test_a_guest_without_ha_is_not_waited_for(site: Site, vm: Vm) -> None:
    site.lab.ha_manage(vm.vmid, state="")
    site.ask(vm, "Stop")
    site.hurry(vm)
    assert power_calls(site) == ["stop"] and last(vm).result == "success"
