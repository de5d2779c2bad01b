"""Quorum lost: each part of Proxmox VE reports it in its own words, and some parts do not need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakepve.model import PveError
from fakepve.routing import die

if TYPE_CHECKING:
    from kvmtui.lab.world import LabCluster

# The lock that each area of the cluster's configuration is written under.
CONFIG_LOCKS = {"pools": "file-user_cfg", "access": "file-user_cfg", "storage": "file-storage_cfg"}


def check(world: LabCluster) -> None:
    """Refuse what asks for the quorum first: start, clone, create, restore, migrate."""
    if not world.quorate:
        raise die("cluster not ready - no quorum?")


def refusal(world: LabCluster, node: str, vmid: int) -> PveError:
    """The error of a write to a guest's config, which is read-only without quorum."""
    path = f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf.tmp.{world.workers.last_pid}"
    return die(f"unable to open file '{path}' - Permission denied")


def check_write(world: LabCluster, node: str, vmid: int) -> None:
    """Refuse a write to a guest's config."""
    if not world.quorate:
        raise refusal(world, node, vmid)


def check_locked_write(world: LabCluster, template: str, node: str, vmid: str) -> None:
    """Refuse a write to a file of the cluster that has a lock of its own: firewall, pools, storages."""
    if world.quorate:
        return
    area = template.split("/")[1]
    if "/firewall" in template:
        lock = f"firewall-vm-{vmid}" if vmid else f"firewall-host-{node}" if node else "firewall-cluster"
    else:
        lock = CONFIG_LOCKS.get(area, f"file-{area}_cfg")
    raise die(f"cfs-lock '{lock}' error: no quorum!")
