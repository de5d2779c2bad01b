"""A VM of ours on the simulated cluster, put there at once instead of being deployed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from engine.plan import effective
from engine.proxmox.mark import Mark
from engine.running import instance
from engine.store.models import Vm
from kvmtui.lab import Lab
from tests.pipelines.conftest import SPEC, Site, site, stepped_site

__all__ = ["site", "stepped_site"]

VMID = 5001
MAC = "BC:24:11:0A:0B:0C"
CONFIG: dict[str, Any] = {
    "name": "vm-one",
    "cores": 2,
    "sockets": 1,
    "memory": "2048",
    "boot": "order=scsi0",
    "scsi0": "local-lvm:vm-5001-disk-0,iops_wr=500,mbps_rd=100,size=20G",
    "scsi1": "local-lvm:vm-5001-disk-1,size=5G",
    "net0": f"virtio={MAC},bridge=vmbr0,firewall=1,rate=12",
}
Make = Callable[..., Vm]


@pytest.fixture
def made(site: Site) -> Make:
    """Makes one: `made(cores=4)` is a running VM of ours that differs from its product in its cores."""

    def make(site: Site = site, **config: Any) -> Vm:
        vm = site.service(site.product())
        Vm.update(
            vmid=VMID, node="pve1", name="vm-one", vm_status="ready", mac=MAC, bridge="vmbr0", due_at=None,
            plan=effective(SPEC, {}).as_dict(),
        ).where(Vm.id == vm.id).execute()  # fmt: skip
        put(site.lab, Vm.get_by_id(vm.id), **config)
        return Vm.get_by_id(vm.id)

    return make


def put(lab: Lab, vm: Vm, **config: Any) -> None:
    """The machine itself, carrying our mark and running."""
    smbios = str(uuid.uuid4())
    Vm.update(smbios_uuid=smbios).where(Vm.id == vm.id).execute()
    lab.foreign_create(VMID, "pve1")
    own = {"description": Mark(instance(), vm.uid).line, "smbios1": f"uuid={smbios}"}
    lab.foreign_config(VMID, **{**CONFIG, **own, **config})
    lab.foreign_power(VMID, "running")


def reads(lab: Lab) -> list[str]:
    """The requests so far, as the ends of their paths."""
    return [path.rpartition(f"/{VMID}/")[2] for _, path, _ in lab.requests.entries]
