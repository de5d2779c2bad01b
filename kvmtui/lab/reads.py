"""The remaining reads of nodes, storages, the cluster and access: small, and true of this lab."""

from __future__ import annotations

from json import loads
from typing import Any

from fakepve.routing import die

from kvmtui.lab.tasks import LabTask
from kvmtui.lab.usage import node_usage
from kvmtui.lab.world import LabCluster, serves

NODE = "/nodes/{node}"
STORAGE = NODE + "/storage/{storage}"
POINTS, SECONDS = 60, 60
MIB = 1024 * 1024
# The defaults of vzdump that every node has.
VZDUMP = {
    "all": 0,
    "bwlimit": 0,
    "compress": "0",
    "fleecing": {"enabled": 0},
    "ionice": 7,
    "lockwait": 180,
    "mailnotification": "always",
    "mode": "snapshot",
    "notification-mode": "auto",
    "performance": {"max-workers": 16, "pbs-entries-max": 1048576},
    "pigz": 0,
    "prune-backups": {"keep-all": 1},
    "protected": 0,
    "quiet": 0,
    "remove": 1,
    "repeat-missed": 0,
    "stdexcludes": 1,
    "stop": 0,
    "stopwait": 10,
    "zstd": 1,
}
SECRET_DEFAULTS = ("mailto", "tmpdir", "dumpdir", "script", "ionice")


@serves("GET", NODE + "/version")
async def node_version(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """The version of a node."""
    return {"version": world.dialect.version, "release": world.dialect.release, "repoid": "1ab20b0c5e3b"}


@serves("GET", NODE + "/rrddata")
async def node_chart(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """What a node used over the last hour."""
    newest = int(world.clock.now() // SECONDS) * SECONDS
    return [_node_point(world, values["node"], newest - n * SECONDS) for n in reversed(range(POINTS))]


def _node_point(world: LabCluster, node: str, moment: int) -> dict[str, Any]:
    used = node_usage(world, node, moment)
    point = {"time": moment, "cpu": used["cpu"], "maxcpu": used["maxcpu"], "loadavg": 0.4, "iowait": 0.001}
    point |= {"memtotal": used["maxmem"], "memused": used["mem"], "netin": 1000.0, "netout": 1000.0}
    point |= {"roottotal": used["maxdisk"], "rootused": used["disk"], "swaptotal": 8192 * MIB, "swapused": 0}
    return point


@serves("GET", STORAGE + "/rrddata")
async def storage_chart(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """How full a storage was over the last hour."""
    if values["storage"] not in world.storages:
        raise die(f"storage '{values['storage']}' does not exist")
    total, used = world.free_space(values["storage"], values["node"])
    newest = int(world.clock.now() // SECONDS) * SECONDS
    return [{"time": newest - n * SECONDS, "total": total, "used": used} for n in reversed(range(POINTS))]


@serves("GET", STORAGE + "/prunebackups")
async def prune_preview(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """What pruning would keep: everything, unless a rule is named."""
    storage, node = values["storage"], values["node"]
    world._active_store(storage, node)
    wanted = values.get("vmid")
    return [
        {"volid": v.volid, "ctime": v.ctime, "mark": "keep", "type": "qemu", "vmid": v.vmid}
        for v in world.shelf.on(world.place(storage, node), storage)
        if v.content == "backup" and wanted in (None, v.vmid)
    ]


@serves("GET", NODE + "/vzdump/defaults")
async def backup_defaults(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """The defaults of backups; some are for those who may look at the node."""
    storage = str(values.get("storage") or "local")
    found: dict[str, Any] = VZDUMP | {"storage": storage}
    if not world.allowed(user, f"/nodes/{values['node']}", "Sys.Audit"):
        found = {name: value for name, value in found.items() if name not in SECRET_DEFAULTS}
    return found


@serves("GET", NODE + "/vzdump/extractconfig")
async def backup_config(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """The config inside a backup, as text."""
    volid = str(values["volume"])
    storage, _, name = volid.partition(":")
    kind, owner, _ = world._parse_volname(world._store(storage), name)
    world._check_access(user, storage, kind, owner, volid)
    volume = world.volume(values["node"], volid)
    if volume is None or not volume.config:
        raise die(f"volume '{volid}' does not exist")
    return "".join(f"{key}: {value}\n" for key, value in sorted(loads(volume.config).items()))


@serves("GET", "/cluster/options")
async def cluster_options(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """The options of the datacenter: nothing was changed here."""
    if not world.allowed(user, "/", "Sys.Audit"):
        return {"allowed-tags": []}
    return {"mac_prefix": "BC:24:11", "allowed-tags": []}


@serves("GET", "/cluster/log")
async def cluster_log(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The log of the cluster: the tasks that were started, newest first."""
    seen = [t for node in world.nodes for t in world.workers.of(node)]
    if not world.allowed(user, "/", "Sys.Syslog"):
        seen = [task for task in seen if user in (task.user, task.user.split("!")[0])]
    newest = sorted(seen, key=lambda task: -task.starttime)[: int(values.get("max") or 500)]
    return [_entry(task, len(newest) - number) for number, task in enumerate(newest)]


def _entry(task: LabTask, number: int) -> dict[str, Any]:
    item = {"id": f"{number}:{task.node}", "uid": number, "node": task.node, "pid": task.pid, "pri": 6}
    item |= {"tag": "pvedaemon", "time": int(task.starttime), "user": task.user}
    return item | {"msg": f"starting task {task.upid}"}


@serves("GET", "/access/acl")
async def acl(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The entries of the access control list: one for every token."""
    found = []
    for token in world.access.tokens:
        for name, kind in ((token, "token"), (token.split("!")[0], "user")):
            found.append({"path": "/", "propagate": 1, "roleid": "Administrator", "type": kind, "ugid": name})
    return found


@serves("GET", "/access/groups")
async def groups(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The groups of users: none."""
    return []


@serves("GET", "/access/users")
async def users(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The users: root and the owners of tokens."""
    names = dict.fromkeys([*world.access.passwords, *(token.split("!")[0] for token in world.access.tokens)])
    return [{"userid": n, "enable": 1, "expire": 0, "realm-type": n.rpartition("@")[2]} for n in names]
