"""The state of VMs: the list of a node and one VM in full, with what QEMU itself reports while it runs."""

from __future__ import annotations

from typing import Any

from kvmtui.lab import ha
from kvmtui.lab.drives import NIC, drive_keys
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.usage import cores_of, usage
from kvmtui.lab.world import LabCluster, serves

QEMU = "/nodes/{node}/qemu"
MACHINES = {7: ("7.2", "7.2.10"), 8: ("9.2", "9.2.0"), 9: ("10.2", "10.2.2")}
# What only QEMU knows, so that the plain list of a node does not have it.
FROM_QEMU = ("diskread", "diskwrite")
PRESSURE = tuple(f"pressure{kind}{how}" for kind in ("cpu", "io", "memory") for how in ("some", "full"))
COUNTED = ("rd", "wr", "unmap", "zone_append")
SUPPORTED = (
    "pbs-dirty-bitmap",
    "query-bitmap-info",
    "pbs-dirty-bitmap-savevm",
    "pbs-dirty-bitmap-migration",
    "pbs-masterkey",
    "backup-max-workers",
    "backup-fleecing",
    "backup-access-api",
)


@serves("GET", QEMU)
async def guest_list(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The VMs of a node the user may see."""
    seen = [g for g in world.roster.values() if g.node == values["node"]]
    full = bool(values.get("full"))
    return [
        _full(world, guest) if full else _plain(world, guest)
        for guest in seen
        if world.allowed(user, guest.path, "VM.Audit")
    ]


@serves("GET", QEMU + "/{vmid}/status/current")
async def current(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One VM as it is at this moment."""
    guest = world.find(values["node"], values["vmid"])
    item = _full(world, guest)
    item["ha"] = ha.standing(world, guest)
    vga = str(guest.config.get("vga", "")).removeprefix("type=").split(",")[0]
    if vga.startswith(("virtio", "qxl")):
        item["spice"] = 1
    if str(guest.config.get("agent", "0")).split(",")[0].removeprefix("enabled=") == "1":
        item["agent"] = 1
    return item


def _plain(world: LabCluster, guest: LabGuest) -> dict[str, Any]:
    item: dict[str, Any] = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": guest.status,
        "cpus": cores_of(guest),
    }
    item |= usage(world, guest, world.clock.now())
    for name in FROM_QEMU:
        item.pop(name, None)
    if guest.running:
        item["pid"] = 100_000 + guest.vmid
    if guest.template:
        item["template"] = 1
    if any(guest.config.get(f"serial{number}") for number in range(4)):
        item["serial"] = 1
    for key, value in (("lock", guest.lock), ("tags", guest.config.get("tags"))):
        if value:
            item[key] = value
    if guest.config.get("balloon"):
        item["balloon_min"] = int(guest.config["balloon"]) * 1024 * 1024
        item["shares"] = int(guest.config.get("shares", 1000))
    if world.dialect.major >= 9:
        item["memhost"] = item["mem"]
        if guest.running:
            item |= dict.fromkeys(PRESSURE, 0)
    return item


def _full(world: LabCluster, guest: LabGuest) -> dict[str, Any]:
    item = _plain(world, guest) | {"qmpstatus": guest.qmpstatus}
    if not guest.running:
        return item
    used = usage(world, guest, world.clock.now())
    machine, version = MACHINES[world.dialect.major]
    cards = [key for key in guest.config if NIC.fullmatch(key)]
    traffic = {name: used[name] // max(1, len(cards)) for name in ("netin", "netout")}
    drives = drive_keys(guest.config)
    return item | {
        "running-machine": f"pc-i440fx-{machine}+pve0",
        "running-qemu": version,
        "balloon": item["maxmem"],
        "ballooninfo": {"actual": item["maxmem"], "max_mem": item["maxmem"]},
        "diskread": used["diskread"],
        "diskwrite": used["diskwrite"],
        "nics": {f"tap{guest.vmid}i{key[3:]}": traffic for key in cards},
        "blockstat": {key: _block(used, key == drives[0]) for key in drives},
        "proxmox-support": dict.fromkeys(SUPPORTED, True) | {"pbs-library-version": "1.5.2"},
    }


def _block(used: dict[str, Any], first: bool) -> dict[str, Any]:
    """The counters of one drive; the first one did all the work."""
    block: dict[str, Any] = {"account_failed": True, "account_invalid": True, "timed_stats": []}
    block |= {"idle_time_ns": 1_000_000, "wr_highest_offset": 0}
    for kind in COUNTED:
        block |= {f"{kind}_{what}": 0 for what in ("bytes", "merged", "operations", "total_time_ns")}
    for kind in (*COUNTED, "flush"):
        block |= {f"{how}_{kind}_operations": 0 for how in ("failed", "invalid")}
    block |= {"flush_operations": 0, "flush_total_time_ns": 0}
    if first:
        block |= {"rd_bytes": used["diskread"], "wr_bytes": used["diskwrite"]}
        block |= {"rd_operations": used["diskread"] // 4096, "wr_operations": used["diskwrite"] // 4096}
    return block
