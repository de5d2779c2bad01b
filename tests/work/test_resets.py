"""Resets decide on the VM's row as it is when they write it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions import vms
from engine.audit import Actor
from engine.errors import Refused
from engine.store.models import Vm

MakeVm = Callable[..., Vm]


@pytest.mark.parametrize("status", ["ready", "change_package", "set_dns_records"])
def test_a_vm_that_was_never_made_is_not_called_ready(make_vm: MakeVm, status: str) -> None:
    vm = make_vm(vm_status="set_ip", vmid=6001, node="")
    with pytest.raises(Refused, match="is not on Proxmox yet"):
        vms.reset(Actor("noc"), vm.service_id, status)
    assert Vm.get_by_id(vm.id).vm_status == "set_ip"
