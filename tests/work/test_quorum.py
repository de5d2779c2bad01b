"""A cluster without quorum: one alert per server, its VMs wait without an error, and all continues afterwards."""

from __future__ import annotations

import pytest

from engine.queries.dashboard import alerts, dashboard
from engine.schedule import process_vms
from engine.store.models import Call, Event, Run, Server, Vm
from engine.work import outages
from engine.work.task import TaskResources
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site, site

__all__ = ["site"]
DENIED = "unable to open file '/etc/pve/nodes/pve1/qemu-server/5000.conf.tmp.7256' - Permission denied"
LOST = "pve-lab has lost quorum (1 of 3 nodes); changes wait"


@pytest.fixture
def resources(site: Site) -> TaskResources:
    """A tick over this site."""
    return TaskResources(servers=site.walker.servers, owner="test", keep_going=lambda: True)


def lose(site: Site, vm: Vm) -> Vm:
    """Two nodes go down; every change of a config is refused as pmxcfs does it."""
    elsewhere = [name for name in ("pve1", "pve2", "pve3") if name != (vm.node or "pve1")]
    for node in elsewhere:
        site.lab.offline(node)
    site.lab.quorum(False)
    return vm


def regain(site: Site) -> None:
    site.lab.faults.clear()
    for node in ("pve1", "pve2", "pve3"):
        site.lab.online(node)
    site.lab.quorum(True)


def alert_texts() -> list[str]:
    return [row.text for row in Event.select().where(Event.kind == "alert").order_by(Event.id)]


def look(resources: TaskResources, server: Server) -> Server:
    process_vms.run(resources)
    return Server.get_by_id(server.id)


def test_vms_wait_without_an_error_and_the_loss_is_one_alert(site: Site, resources: TaskResources) -> None:
    vms = [site.walk(site.service()) for _ in range(3)]
    assert {vm.vm_status for vm in vms} == {"ready"}
    lose(site, vms[0])
    for method in ("PUT", "POST", "DELETE"):
        site.lab.faults.add(
            InjectedFault(kind="status", method=method, path="/qemu/", code=500, text=DENIED, count=0)
        )
    for vm in vms:
        site.ask(vm, "Stop")
        vm = site.once(vm)
        assert (vm.wait_kind, vm.wait_why, vm.error) == ("server", LOST, "")
    assert site.lab.faults.hits() == 1, "only the first VM may find out by a refusal"
    assert alert_texts() == [LOST]
    assert dashboard().servers[0].error == LOST and alerts() == 1
    assert not Run.select().where(Run.result == "error").exists()
    regain(site)
    server = look(resources, site.server)
    assert (server.failures, server.last_error, server.probe_at) == (0, "", None)
    assert alert_texts() == [LOST, "pve-lab has quorum again; changes continue"]
    for vm in vms:
        site.walk(vm)
        assert site.guest(vm).status == "stopped"
    assert alerts() == 0


def test_a_task_that_ends_so_is_not_a_failure_of_the_vm(site: Site, resources: TaskResources) -> None:
    vm = site.walk(site.service())
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmdestroy", text=DENIED))
    Vm.update(vm_status="terminate", due_at=1).where(Vm.id == vm.id).execute()
    for _ in range(400):
        vm = site.once(vm)
        if not site.lab.faults.remaining():
            break
    lose(site, vm)
    for _ in range(400):
        vm = site.once(vm)
        if vm.wait_kind == "server":
            break
    assert (vm.wait_why, vm.error, vm.vm_status) == (LOST, "", "terminate")
    regain(site)
    look(resources, site.server)
    assert site.walk(vm).vm_status == "remove"


def test_a_tick_notices_the_loss_before_any_vm_does(site: Site, resources: TaskResources) -> None:
    site.walk(site.service())
    sent = Call.select().count()
    lose(site, Vm.get())
    assert outages.lost(look(resources, site.server))
    site.ask(Vm.get(), "Stop")
    assert site.once(Vm.get()).wait_why == LOST
    assert Call.select().count() == sent, "a change was sent to a cluster without quorum"


def test_a_refusal_while_the_cluster_has_quorum_again_is_tried_again(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.faults.add(InjectedFault(kind="status", method="POST", path="/status/", code=500, text=DENIED))
    site.ask(vm, "Stop")
    vm = site.walk(vm)
    assert (vm.error, alert_texts(), site.guest(vm).status) == ("", [], "stopped")
