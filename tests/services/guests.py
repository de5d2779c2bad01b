"""A guest made by somebody else, with real disks, through the cluster's own API."""

from __future__ import annotations

import uuid
from typing import Any

from engine.proxmox.answers import ProxmoxAnswer
from engine.proxmox.api_request import ApiRequest
from engine.proxmox.cluster import Cluster
from engine.proxmox.journal import SilentRecorder
from engine.store.models import Server
from engine.work.access import access_of

MAC = "BC:24:11:0A:0B:0C"
CONFIG: dict[str, Any] = {
    "name": "Web01.example.org",
    "description": "kept by Jo\nsince 2019",
    "cores": 3,
    "sockets": 1,
    "memory": "3072",
    "ostype": "l26",
    "boot": "order=scsi0",
    "scsi0": "local-lvm:20,iops_wr=500,mbps_rd=100",
    "ide2": "local-lvm:cloudinit",
    "net0": f"virtio={MAC},bridge=vmbr0,firewall=1,rate=12",
    "ipconfig0": "ip=192.168.130.20/25,gw=192.168.130.126",
    "ciuser": "jo",
}


def make_guest(server: Server, vmid: int, node: str = "pve2", **config: Any) -> None:
    """Make it, running; None leaves a usual value out."""
    wanted = {"vmid": vmid, "smbios1": f"uuid={uuid.uuid4()}", "start": 1, **CONFIG, **config}
    given = {key: value for key, value in wanted.items() if value is not None}
    cluster = Cluster(access_of(server), SilentRecorder())
    try:
        request = ApiRequest(
            "POST", ("nodes", node, "qemu"), "Making a guest", given, changing=True, node=node
        )
        upid = cluster.change(request, ProxmoxAnswer.upid)
        while (ending := cluster.task_ending(upid)) is None:
            pass
        assert ending.ok, ending.exitstatus
    finally:
        cluster.close()
