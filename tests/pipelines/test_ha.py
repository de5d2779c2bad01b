"""Guests under HA: a state is requested from HA once, then the step waits; a guest that HA moves is found again.

A run has one version of Proxmox VE, chosen by its seed; `make soak` has both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.pipelines.steps import ha
from engine.proxmox.cluster import Cluster
from engine.schedule import process_vms
from engine.store.models import Event, Run, Service, Step, Vm
from kvmtui.lab import InjectedFault, Lab
from kvmtui.lab import ha as manager
from tests import seeds
from tests.conftest import Store
from tests.pipelines.conftest import Site, make_site

CEPH: dict[str, Any] = {"system_disk": {"storage": "ceph"}, "template": 9010}


@pytest.fixture(params=seeds.one_of("HA", ["9", "8"]))
def site(request: pytest.FixtureRequest, sqlite_store: Store) -> Iterator[Site]:
    with Lab(nodes=3, speed=200.0, version=request.param) as lab:
        yield from make_site(lab)


@pytest.fixture
def vm(site: Site) -> Vm:
    made = site.walk(site.service(site.product(**CEPH), status="Active"))
    site.lab.ha_manage(made.vmid)
    site.lab.requests.clear()
    return made


def power_calls(site: Site) -> list[str]:
    return [path.rpartition("/")[2] for _, path in site.changing() if "/status/" in path]


def last(vm: Vm) -> Run:
    return Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()


def other_node(vm: Vm) -> str:
    return next(name for name in ("pve3", "pve2") if name != vm.node)


def until_waiting(site: Site, vm: Vm, why: str) -> Vm:
    for _ in range(400):
        row = site.once(vm)
        if why in row.wait_why:
            return row
    raise AssertionError(f"it waits for something else: {row.wait_kind} {row.wait_why}")


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
    site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch, pipeline: str, calls: list[str], status: str
) -> None:
    monkeypatch.setattr(manager, "MANAGER_SECONDS", 60)
    site.lab.foreign_config(vm.vmid, agent="0")
    Service.update(options={"cores": 4}).where(Service.id == vm.service_id).execute()
    site.ask(vm, pipeline)
    site.hurry(vm, looks=4000)
    assert (last(vm).result, last(vm).error) == ("success", "")
    assert (power_calls(site), site.guest(vm).status) == (calls, status)
    if pipeline == "ChangePackage":
        assert site.guest(vm).config["cores"] == 4


def test_a_guest_is_started_through_ha(site: Site, vm: Vm) -> None:
    site.lab.foreign_power(vm.vmid, "stopped")
    site.lab.ha_manage(vm.vmid, "disabled")
    site.ask(vm, "Start")
    site.hurry(vm, looks=4000)
    assert (last(vm).result, power_calls(site)) == ("success", ["start"])
    assert site.guest(vm).status == "running"


def test_the_wait_says_what_ha_is_doing(site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "MANAGER_SECONDS", 5_000)
    site.ask(vm, "Stop")
    row = until_waiting(site, vm, "managed by HA")
    assert row.wait_why == f"VM {vm.vmid} is managed by HA (state started, requested stopped); waiting for HA"
    assert site.guest(vm).status == "running"


def test_the_log_says_that_ha_stops_a_guest_that_does_not_listen(site: Site, vm: Vm) -> None:
    site.ask(vm, "Shutdown")
    site.hurry(vm, looks=4000)
    said = f"VM {vm.vmid} is managed by HA, which stops it by force after 120 s"
    assert site.notes(vm) == [said]


@pytest.mark.parametrize("state", ["error", "fence", "freeze", "recovery"])
@pytest.mark.parametrize(("pipeline", "before"), [("Stop", "running"), ("Start", "stopped")])
def test_ha_that_is_stuck_is_waited_for_with_the_reason(
    site: Site, vm: Vm, state: str, pipeline: str, before: str
) -> None:
    site.lab.foreign_power(vm.vmid, before)
    site.lab.ha_manage(vm.vmid, "started" if before == "running" else "stopped")
    site.lab.ha_stick(vm.vmid, state)
    site.ask(vm, pipeline)
    row = until_waiting(site, vm, "managed by HA")
    assert ha.STUCK[state] in row.wait_why and row.wait_kind == "time"
    assert (power_calls(site), site.guest(vm).status) == ([], before)
    site.lab.ha_stick(vm.vmid, "")
    site.hurry(vm, looks=4000)
    assert (last(vm).result, power_calls(site)) == ("success", [pipeline.lower()])


def test_the_wait_for_ha_has_an_end(site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha, "PATIENCE_S", 0)
    site.lab.ha_stick(vm.vmid, "error")
    site.ask(vm, "Stop")
    site.hurry(vm)
    assert "HA gave up on it after an error" in last(vm).error and "ha-manager status" in last(vm).error
    assert power_calls(site) == [] and site.guest(vm).status == "running"


def test_ha_that_refuses_is_waited_for_and_asked_again(site: Site, vm: Vm) -> None:
    site.lab.foreign_power(vm.vmid, "stopped")
    site.lab.ha_manage(vm.vmid, "stopped")
    stick = {"vmid": vm.vmid, "state": "error"}
    site.lab.faults.add(
        InjectedFault("foreign", action="ha-stick", args=stick, method="POST", path="/status/start$")
    )
    site.ask(vm, "Start")
    until_waiting(site, vm, ha.STUCK["error"])
    assert power_calls(site) == ["start"] and site.guest(vm).status == "stopped"
    site.lab.ha_stick(vm.vmid, "")
    site.hurry(vm, looks=4000)
    assert (last(vm).result, power_calls(site)) == ("success", ["start", "start"])


def test_a_termination_that_waits_for_ha_is_tried_again(
    site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guest is off at first; HA has started it by the time it is to be deleted, and is stuck then."""
    site.lab.foreign_power(vm.vmid, "stopped")
    site.lab.ha_manage(vm.vmid, "stopped")
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    running = {"vmid": vm.vmid, "status": "running"}
    stick = {"vmid": vm.vmid, "state": "fence"}
    for action, args in (("power", running), ("ha-stick", stick)):
        site.lab.faults.add(InjectedFault("foreign", action=action, args=args, method="GET", path="/content"))
    monkeypatch.setattr(ha, "PATIENCE_S", 0)
    row = site.hurry(vm)
    assert row.vm_status == "terminate" and ha.STUCK["fence"] in row.error
    monkeypatch.undo()
    site.lab.ha_stick(vm.vmid, "")
    row = site.hurry(site.once(vm), looks=4000)
    assert (row.vm_status, site.lab.guest(vm.vmid)) == ("remove", None)


def test_a_shutdown_that_ha_did_not_do_is_asked_for_again(
    site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    monkeypatch.setattr(manager, "MANAGER_SECONDS", 5_000)
    until_waiting(site, vm, "waiting for HA")
    monkeypatch.setattr(ha, "PATIENCE_S", 0)
    site.lab.ha_stick(vm.vmid, "freeze")
    row = site.once(vm)
    assert ha.STUCK["freeze"] in row.error
    assert "ha_since" not in row.flow  # the next try waits as long again
    monkeypatch.undo()
    site.lab.ha_manage(vm.vmid)  # somebody else wants it to run
    row = site.hurry(site.once(vm), looks=4000)
    assert (row.vm_status, power_calls(site)) == ("remove", ["shutdown", "shutdown"])
    assert not Step.select().where(Step.error.contains("somebody else")).exists()


@pytest.mark.parametrize("action", ["migrate", "ha-move"])
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
    site: Site, vm: Vm, action: str, method: str, path: str
) -> None:
    target = other_node(vm)
    Service.update(options={"cores": 4, "system_disk": 9}).where(Service.id == vm.service_id).execute()
    product = vm.service.product
    product.spec = {**product.spec, "firewall": {"ndp": False}}
    product.save()
    move = {"vmid": vm.vmid, "target": target}
    site.lab.faults.add(InjectedFault("foreign", action=action, args=move, method=method, path=path))
    site.ask(vm, "ChangePackage")
    row = site.hurry(vm, looks=4000)
    assert (row.vm_status, row.error, last(vm).result) == ("ready", "", "success")
    assert (site.guest(vm).node, row.node) == (target, target)
    assert site.guest(vm).config["cores"] == 4 and site.guest(vm).status == "running"
    assert f"the VM has moved from {vm.node} to {target}" in site.notes(vm)
    assert not Step.select().where(Step.result == "error").exists()


VMID = 5000  # of the first VM that is deployed


def when(site: Site, method: str, path: str, *actions: tuple[str, dict[str, Any]]) -> None:
    """What somebody else does just before this call."""
    for action, args in actions:
        args = {"vmid": VMID, **args}
        site.lab.faults.add(InjectedFault("foreign", action=action, args=args, method=method, path=path))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/config$"),
        ("PUT", "/firewall/options$"),
        ("POST", "/firewall/ipset$"),
        ("POST", "/status/start$"),
    ],
)
def test_ha_moves_a_guest_between_two_steps_of_a_deploy(site: Site, method: str, path: str) -> None:
    moves = ("ha-manage", {"state": "stopped"}), ("ha-move", {"target": "pve3"})
    when(site, method, path, *moves)
    row = site.hurry(site.service(site.product(**CEPH, target_node="pve2")), looks=4000)
    assert (row.vm_status, row.error, row.vmid) == ("ready", "", VMID)
    assert (site.guest(row).node, row.node, site.guest(row).status) == ("pve3", "pve3", "running")
    assert "the VM has moved from pve2 to pve3" in site.notes(row)
    assert power_calls(site) == ["start"]


def test_ha_moves_a_guest_to_its_target_when_it_is_asked_to(site: Site) -> None:
    when(site, "GET", f"/qemu/{VMID}/config$", ("ha-manage", {"state": "stopped"}))
    row = site.hurry(site.service(site.product(**CEPH, target_node="pve3")), looks=4000)
    assert (row.vm_status, row.node, site.guest(row).node) == ("ready", "pve3", "pve3")
    assert [path for _, path in site.changing()].count(f"qemu/{row.vmid}/migrate") == 1
    assert "moved to pve3" in site.notes(row)


@pytest.mark.parametrize(("storage", "status"), [("ceph", "ready"), ("local-lvm", "set_dns")])
def test_a_guest_that_ha_does_not_move_stays_with_the_reason(
    site: Site, monkeypatch: pytest.MonkeyPatch, storage: str, status: str
) -> None:
    stuck = ("ha-manage", {"state": "stopped"}), ("ha-stick", {"state": "freeze"})
    when(site, "POST", "/migrate$", *stuck)
    when(site, "PUT", "/firewall/options$", ("ha-stick", {"state": ""}))
    spec = {**CEPH, "target_node": "pve3", "system_disk": {"storage": storage}}
    vm = site.service(site.product(**spec))
    if storage != "ceph":  # the clone cannot be made there, so that only a move brings the disk to it
        site.lab.world.storages["local-lvm"]["nodes"] = "pve2,pve3"
    monkeypatch.setattr(ha, "PATIENCE_S", 1)
    row = site.hurry(vm, looks=4000)
    why = next(error for step, _, error in site.steps(vm) if step == "migrated")
    assert "HA manages it and has not moved it to pve3 within 1 s" in why
    assert (row.vm_status, site.guest(row).node) == (status, "pve1")


def test_a_move_of_has_own_is_waited_for(site: Site, vm: Vm) -> None:
    target = other_node(vm)
    site.lab.ha_move(vm.vmid, target)
    site.ask(vm, "Stop")
    row = site.hurry(vm, looks=4000)
    assert (last(vm).result, row.node, site.guest(vm).status) == ("success", target, "stopped")
    assert power_calls(site) == ["stop"]


def test_a_guest_that_ha_restarted_elsewhere_is_found_while_its_node_is_down(site: Site, vm: Vm) -> None:
    target = other_node(vm)
    site.lab.foreign_migrate(vm.vmid, target)
    site.lab.offline(vm.node)
    site.ask(vm, "Stop")
    row = site.hurry(vm, looks=4000)
    assert (last(vm).error, row.node, site.guest(vm).status) == ("", target, "stopped")
    assert f"the VM has moved from {vm.node} to {target}" in site.notes(vm)


def test_a_guest_on_a_node_that_is_down_is_not_taken_for_gone(site: Site, vm: Vm) -> None:
    site.lab.offline(vm.node)
    site.ask(vm, "VMRemove")
    row = site.hurry(vm)
    assert "No route to host" in last(vm).error and row.node == vm.node
    site.lab.online(vm.node)
    assert site.guest(vm).status == "running"


def test_a_guest_that_ha_has_started_in_between_is_not_stopped_again(site: Site, vm: Vm) -> None:
    """A change that cannot take effect while the guest runs is reported as pending."""
    Service.update(options={"cores": 4}).where(Service.id == vm.service_id).execute()
    running = {"vmid": vm.vmid, "status": "running"}
    site.lab.faults.add(InjectedFault("foreign", action="power", args=running, method="PUT", path="/config$"))
    site.ask(vm, "ChangePackage")
    site.hurry(vm, looks=4000)
    assert power_calls(site) == ["shutdown"] and last(vm).result == "success"
    assert "pending: cores: 2 now, 4 after the next start" in site.notes(vm)


def test_a_guest_that_ha_stops_during_a_deploy_is_started_through_ha(site: Site) -> None:
    """HA starts the guest before the deploy has come that far, and stops it again while the deploy waits for it."""
    when(
        site,
        "PUT",
        "/firewall/options$",
        ("ha-manage", {"state": "started"}),
        ("power", {"status": "running"}),
    )
    when(site, "GET", "/status/current$", ("power", {"status": "stopped"}))
    row = site.hurry(site.service(site.product(**CEPH)), looks=4000)
    assert (row.vm_status, site.guest(row).status, power_calls(site)) == ("ready", "running", ["start"])


def test_a_vm_under_ha_is_terminated_through_ha(site: Site, vm: Vm) -> None:
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    row = site.hurry(vm, looks=4000)
    assert (row.vm_status, power_calls(site)) == ("remove", ["shutdown"])
    assert site.lab.guest(vm.vmid) is None


@pytest.mark.parametrize("state", ["started", "ignored"])
def test_an_ha_resource_that_goes_with_the_vm_is_reported(site: Site, vm: Vm, state: str) -> None:
    site.lab.ha_manage(vm.vmid, state)
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    site.hurry(vm, looks=4000)
    said = f"the HA resource vm:{vm.vmid} (requested {state}) is deleted with the VM"
    requested = said if state == "ignored" else said.replace(state, "stopped")
    assert site.notes(vm).count(requested) == 1


def test_without_an_ha_resource_nothing_is_reported_about_one(site: Site, vm: Vm) -> None:
    site.lab.ha_manage(vm.vmid, "")
    Vm.update(vm_status="terminate", flow={}).where(Vm.id == vm.id).execute()
    site.hurry(vm, looks=4000)
    assert not [note for note in site.notes(vm) if "HA" in note]
    assert not Event.select().where(Event.text.contains(" HA ")).exists()


@pytest.mark.parametrize("state", ["", "ignored"])
def test_a_guest_that_ha_does_not_manage_is_not_waited_for(site: Site, vm: Vm, state: str) -> None:
    site.lab.ha_manage(vm.vmid, state)
    site.ask(vm, "Stop")
    site.hurry(vm)
    assert power_calls(site) == ["stop"] and last(vm).result == "success"
    assert not Event.select().where(Event.text.contains("managed by HA")).exists()


def test_a_guest_that_is_gone_is_not_searched_without_end(site: Site, vm: Vm) -> None:
    product = vm.service.product
    product.spec = {**product.spec, "backups": 1, "backup_storage": "backup"}
    product.save()
    site.lab.foreign_delete(vm.vmid)
    site.ask(vm, "Backup")
    site.hurry(vm, looks=40)
    assert last(vm).result == "error" and "does not exist" in last(vm).error


def test_a_vm_at_rest_that_was_moved_has_its_new_node(site: Site, vm: Vm) -> None:
    target = other_node(vm)
    site.lab.foreign_migrate(vm.vmid, target)
    cluster: Cluster = site.walker.servers.cluster(site.server)

    def note() -> str:
        Vm.update(remote_seen_at=1).execute()
        process_vms._note_states(site.server.id, {one.vmid: one for one in cluster.resources()})
        return str(Vm.get_by_id(vm.id).node)

    Vm.update(due_at=1).execute()
    assert note() == vm.node  # its own steps find it
    Vm.update(due_at=None).execute()
    assert note() == target
