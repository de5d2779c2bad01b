"""Reads about the cluster as a whole: version, nodes, bridges, resources, the next free id."""

from __future__ import annotations

import json
import time
from typing import Any

from fakepve.routing import die, param_error

from kvmtui.lab.guests import LabGuest
from kvmtui.lab.storages import storage_resource
from kvmtui.lab.usage import cores_of, node_usage, usage
from kvmtui.lab.volumes import GIB
from kvmtui.lab.world import LabCluster, serves

FIRST_VMID, LAST_VMID = 100, 1_000_000
# Lists of things the lab has none of.
for _template in (
    "/nodes/{node}/lxc",
    "/cluster/backup",
    "/cluster/replication",
    "/cluster/sdn/vnets",
):

    @serves("GET", _template)
    async def nothing(world: LabCluster, values: dict[str, Any], user: str) -> list[Any]:
        """An empty list."""
        return []


@serves("GET", "/version")
async def version(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """Version and release."""
    return {"version": world.dialect.version, "release": world.dialect.release, "repoid": "1ab20b0c5e3b"}


@serves("GET", "/nodes")
async def nodes(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """All nodes with their usage as last broadcast."""
    moment = world.last_broadcast()
    return [_node(world, name, moment, user) for name in world.nodes]


def _node(world: LabCluster, name: str, moment: float, user: str) -> dict[str, Any]:
    online = world.nodes[name]["online"]
    item = {
        "id": f"node/{name}",
        "node": name,
        "type": "node",
        "status": "online" if online else "offline",
        "level": "",
        "ssl_fingerprint": world.nodes[name].get("fingerprint", ""),
    }
    if world.allowed(user, f"/nodes/{name}", "Sys.Audit"):
        item.update(node_usage(world, name, moment))
    return item


@serves("GET", "/nodes/{node}/status")
async def node_status(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One node in detail."""
    name = values["node"]
    used = node_usage(world, name, world.clock.now())
    return {
        "uptime": used["uptime"],
        "cpu": used["cpu"],
        "wait": 0.001,
        "loadavg": ["0.42", "0.37", "0.31"],
        "pveversion": f"pve-manager/{world.dialect.version}/1ab20b0c5e3b",
        "kversion": "Linux 6.14.11-4-pve #1 SMP PREEMPT_DYNAMIC",
        "cpuinfo": {
            "cpus": used["maxcpu"],
            "cores": used["maxcpu"] // 2,
            "sockets": 1,
            "model": "Lab CPU",
            "mhz": "3000",
        },
        "memory": _memory(used["maxmem"], used["mem"]),
        "swap": {"total": 8 * GIB, "used": 0, "free": 8 * GIB},
        "rootfs": {"total": 94 * GIB, "used": 8 * GIB, "free": 86 * GIB, "avail": 86 * GIB},
        "ksm": {"shared": 0},
        "boot-info": {"mode": "efi", "secureboot": 0},
        "current-kernel": {
            "sysname": "Linux",
            "release": "6.14.11-4-pve",
            "version": "#1 SMP PREEMPT_DYNAMIC",
            "machine": "x86_64",
        },
    }


def _memory(total: int, used: int) -> dict[str, int]:
    return {"total": total, "used": used, "free": total - used, "available": total - used}


@serves("GET", "/nodes/{node}/time")
async def node_time(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """The node's wall clock: ours, however fast the lab runs, plus the skew of the test."""
    now = int(time.time() + world.clock_skew)
    return {"time": now, "localtime": now, "timezone": "UTC"}


@serves("GET", "/nodes/{node}/network")
async def network(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The node's interfaces: one port and its bridges."""
    found, wanted = _interfaces(world, values["node"]), values.get("type")
    if wanted in (None, "any_bridge", "any_local_bridge", "include_sdn"):
        return found if wanted is None else [i for i in found if i["type"] == "bridge"]
    return [item for item in found if item["type"] == wanted]


@serves("GET", "/nodes/{node}/network/{iface}")
async def interface(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One interface of a node."""
    for item in _interfaces(world, values["node"]):
        if item.pop("iface") == values["iface"]:
            return item
    raise param_error(iface="interface does not exist")


def _interfaces(world: LabCluster, node: str) -> list[dict[str, Any]]:
    port = {"iface": "eno1", "type": "eth", "active": 1, "exists": 1, "method": "manual"}
    found: list[dict[str, Any]] = [port | {"method6": "manual", "priority": 3, "families": ["inet"]}]
    for number, name in enumerate(world.nodes[node]["bridges"]):
        bridge = {"iface": name, "type": "bridge", "active": 1, "autostart": 1, "method": "manual"}
        bridge |= {"priority": number + 4, "families": ["inet"], "method6": "manual"}
        bridge |= {"bridge_fd": "0", "bridge_stp": "off", "bridge_ports": ""}
        if number == 0:
            address = world.address(node)
            bridge |= {"method": "static", "address": address, "netmask": "24", "cidr": f"{address}/24"}
            bridge["gateway"] = "192.0.2.1"
        else:
            bridge |= {"bridge_vlan_aware": 1, "bridge_vids": "2-4094"}
        found.append(bridge)
    return found


@serves("GET", "/cluster/status")
async def cluster_status(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Quorum and the nodes that are there."""
    quorum = {
        "type": "cluster",
        "id": "cluster",
        "name": world.cluster_name,
        "nodes": len(world.nodes),
        "version": 3,
    }
    alone = len(world.nodes) == 1
    found: list[dict[str, Any]] = [] if alone else [{**quorum, "quorate": int(world.quorate)}]
    for number, (name, state) in enumerate(world.nodes.items(), 0 if alone else 1):
        item = {"type": "node", "id": f"node/{name}", "name": name, "nodeid": number, "level": ""}
        found.append(
            {
                **item,
                "ip": world.address(name),
                "online": int(state["online"]),
                "local": int(number == int(not alone)),
            }
        )
    return found


@serves("GET", "/cluster/nextid")
async def next_id(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """The lowest free id as text, or whether the requested one is free; reserves nothing."""
    wanted = values.get("vmid")
    if wanted is not None:
        if int(wanted) in world.roster:
            raise param_error(vmid=f"VM {wanted} already exists")
        return str(wanted)
    for vmid in range(FIRST_VMID, LAST_VMID):
        if vmid not in world.roster:
            return str(vmid)
    raise die(f"unable to get any free VMID in range [{FIRST_VMID}, {LAST_VMID}]")


@serves("GET", "/cluster/resources")
async def resources(world: LabCluster, values: dict[str, Any], user: str) -> bytes:
    """Everything in the cluster; names, states and usage are as old as the last broadcast."""
    kind, moment = values.get("type"), world.last_broadcast()
    age = moment if not world.clock.instant else int(moment)
    key = (user, kind, age, world.revision, world.access.revision)
    held = world.answers.get(key)
    if held is None:
        world.answers.clear()
        items = _resources(world, kind, moment, user)
        held = world.answers[key] = json.dumps({"data": items}, separators=(",", ":")).encode()
    return held


def _resources(world: LabCluster, kind: str | None, moment: float, user: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if kind in (None, "vm"):
        seen = (g for g in world.roster.values() if world.allowed(user, g.path, "VM.Audit"))
        found += [_guest(world, guest, moment) for guest in seen]
    if kind in (None, "node"):
        found += [_node(world, name, moment, user) for name in world.nodes]
    if kind in (None, "storage"):
        pairs = ((name, sid) for name in world.nodes for sid in world.storages)
        items = (storage_resource(world, name, sid, user) for name, sid in pairs)
        found += [item for item in items if item is not None]
    if kind in (None, "sdn") and world.dialect.major >= 8:
        for name in world.nodes:
            zone = {"id": f"sdn/{name}/localnetwork", "type": "sdn", "sdn": "localnetwork"}
            found.append({**zone, "node": name, "status": "ok"})
    return found


def _guest(world: LabCluster, guest: LabGuest, moment: float) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": guest.guest,
        "type": "qemu",
        "vmid": guest.vmid,
        "node": guest.node,
        "template": int(guest.template),
    }
    for key, value in (("lock", guest.lock), ("tags", guest.config.get("tags")), ("pool", guest.pool)):
        if value:
            item[key] = value
    known = guest.broadcast(moment)
    if known is None or not world.nodes[guest.node]["online"]:
        return {**item, "status": "unknown"}
    item["status"], item["name"] = known
    return {**item, "maxcpu": cores_of(guest), **usage(world, guest, moment)}
