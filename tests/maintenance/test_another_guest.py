"""Another guest under our VMID: its power state is no result, its snapshots and backups are nobody's business."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions import maintenance, packages, vms
from engine.proxmox.faults import NotOurs
from engine.queries.maintenance import backups, snapshots
from engine.store.models import Service, Vm
from tests.maintenance.conftest import ME, last
from tests.pipelines.conftest import Site


@pytest.mark.parametrize(
    ("request_it", "running"),
    [
        (lambda sid: vms.power(ME, sid, "stop"), False),
        (lambda sid: vms.power(ME, sid, "shutdown"), False),
        (lambda sid: vms.power(ME, sid, "start"), True),
        (lambda sid: packages.suspend(ME, sid), False),
        (lambda sid: maintenance.reset_password(ME, sid), False),
    ],
    ids=["stop", "shutdown", "start", "suspend", "password"],
)
def test_its_state_is_not_taken_for_that_of_the_vm(
    site: Site, vm: Vm, request_it: Callable[[int], object], running: bool
) -> None:
    site.lab.foreign_delete(vm.vmid)
    site.lab.foreign_create(vm.vmid, node=vm.node, name="not-ours")
    if running:
        site.lab.foreign_power(vm.vmid, "running")
    request_it(vm.service_id)
    site.walk(vm)
    assert last(vm).result == "error" and "not ours" in last(vm).error
    assert Service.get_by_id(vm.service_id).status == "Active"


def test_its_snapshots_are_not_listed(site: Site, vm: Vm) -> None:
    site.lab.foreign_delete(vm.vmid)
    site.lab.foreign_create(vm.vmid, node=vm.node, name="not-ours")
    with pytest.raises(NotOurs):
        snapshots(vm.service_id)


def test_its_backups_are_neither_listed_nor_restored(site: Site, vm: Vm) -> None:
    site.back_up(
        vm, "kvmtui instance=00000000-0000-0000-0000-00000000000a vm=00000000-0000-0000-0000-00000000000b"
    )
    (volid,) = site.backups(vm)
    assert backups(vm.service_id) == []
    maintenance.restore(ME, vm.service_id, volid)
    site.walk(vm)
    assert "has no backup" in last(vm).error and site.guest(vm).status == "running"
