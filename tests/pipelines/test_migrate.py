"""Where a VM ends up: its target when it can go there, else where it is, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from engine.pipelines.steps import facts
from engine.store import settings
from engine.store.models import Event, Node, Vm
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site

LINKED_CEPH = {"template": 9010, "clone": "linked", "system_disk": {}, "additional_disk": {}}
LINKED_LOCAL = {"clone": "linked", "system_disk": {}, "additional_disk": {}}


def reason(site: Site, vm: Vm) -> str:
    """What the migration step said."""
    return next(error for step, _, error in site.steps(vm) if step == "migrated")


@pytest.mark.parametrize(
    ("product", "node", "said"),
    [
        ({"target_node": "auto"}, "pve2", ""),
        ({"target_node": "pve3"}, "pve3", ""),
        ({"target_node": "pve1"}, "pve1", "on its target node already"),
        ({**LINKED_CEPH, "target_node": "pve3"}, "pve3", ""),
        (
            {**LINKED_LOCAL, "target_node": "pve3"},
            "pve1",
            "stays on pve1: disk scsi0 is a linked clone on local storage local-lvm",
        ),
        ({"target_node": "pve9"}, "pve1", "stays on pve1: there is no node pve9"),
        (
            {"target_node": "pve2", "network": {"bridge": "vmbr7", "auto_bridge": False, "ipv4": 0}},
            "pve1",
            "stays on pve1: node pve2 does not have bridge vmbr7",
        ),
        (
            {"target_node": "pve3", "memory": 40_000},
            "pve1",
            "stays on pve1: node pve3 has too little free memory",
        ),
    ],
)
def test_the_node_follows_the_product(site: Site, product: dict[str, Any], node: str, said: str) -> None:
    if "bridge" in product.get("network", {}):
        site.lab.world.nodes["pve1"]["bridges"].append("vmbr7")
    vm = site.walk(site.service(site.product(**product)))
    assert (vm.vm_status, vm.node, site.guest(vm).node) == ("ready", node, node)
    assert reason(site, vm) == said
    disk = site.guest(vm).config["scsi0"].partition(",")[0]
    volume = next(one for one in site.lab.volumes() if one.volid == disk and one.node in (node, ""))
    assert volume.vmid == vm.vmid


def test_a_paused_node_and_one_that_is_away_take_no_vm(site: Site) -> None:
    Node.create(server=site.server, name="pve2", paused=True)
    vm = site.walk(site.service(site.product(target_node="pve2")))
    assert (vm.node, reason(site, vm)) == ("pve1", "stays on pve1: node pve2 is paused")
    site.lab.offline("pve3")
    facts.forget()
    vm = site.walk(site.service(site.product(target_node="pve3")))
    assert (vm.node, reason(site, vm)) == ("pve1", "stays on pve1: node pve3 is offline")


def test_the_setting_switches_migration_off(site: Site) -> None:
    settings.write(settings.General(post_clone_migration=False))
    vm = site.walk(site.service(site.product(target_node="pve2")))
    assert (vm.node, reason(site, vm)) == ("pve1", "migration after the clone is switched off")


def test_a_migration_that_cannot_work_is_a_note_and_the_deploy_continues(site: Site) -> None:
    site.lab.faults.add(
        InjectedFault(kind="task-error", task="qmigrate", text="storage type 'weird' not supported")
    )
    vm = site.walk(site.service(site.product(target_node="pve2")))
    assert (vm.vm_status, vm.node) == ("ready", "pve1")
    assert "stays on pve1" in reason(site, vm) and "storage type 'weird' not supported" in reason(site, vm)


def test_a_failed_task_that_moved_the_vm_all_the_same_is_judged_by_the_cluster(site: Site) -> None:
    site.lab.faults.add(
        InjectedFault(kind="task-error", task="qmigrate", text="migration problems", after=True)
    )
    vm = site.walk(site.service(site.product(target_node="pve2")))
    assert (vm.vm_status, vm.node, site.guest(vm).node) == ("ready", "pve2", "pve2")


def test_those_on_their_way_to_a_node_count_against_its_memory(site: Site) -> None:
    product = site.product(memory=40_000)
    for _ in range(2):
        other = site.service(product)
        Vm.update(target_node="pve2", vm_status="set_dns", due_at=None).where(Vm.id == other.id).execute()
    vm = site.walk(site.service(product))
    assert vm.node == "pve1"  # pve2 has more memory now, but two others of this size are about to use it


def test_a_long_migration_is_reported_once_and_waited_for(stepped_site: Site) -> None:
    site = stepped_site
    settings.write(settings.General(migration_timeout=1))
    vm = parked = site.service(site.product(target_node="pve2"))
    while parked.vm_status != "set_dns":
        parked = site.once(vm)
        if parked.vm_status != "set_dns":
            site.lab.advance(5)
    assert parked.wait_kind == "task" and "moving" in parked.flow
    flow = parked.flow | {"moving": parked.flow["moving"] - 5_000}
    Vm.update(flow=flow).where(Vm.id == vm.id).execute()
    site.once(vm)
    site.once(vm)
    late = [event.text for event in Event.select() if "takes longer than 1 s" in event.text]
    assert len(late) == 1
    assert site.walk(vm).node == "pve2"
