"""The nodes of a cluster as they are now, and how many VMs of ours each carries."""

from __future__ import annotations

from dataclasses import dataclass

from peewee import fn

from engine.actions.lookup import found
from engine.queries.capacity import is_full
from engine.store.database import session
from engine.store.models import Server, Vm
from engine.store.settings import Thresholds, read
from engine.work.servers import Servers

_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node: whether it is there, what it has, how much of that is used, and our VMs on it."""

    name: str
    online: bool
    cpus: int
    cpu_percent: float
    memory_gib: float
    memory_used_gib: float
    vms: int
    cpu_full: bool = False
    memory_full: bool = False
    """Whether the threshold of the settings is reached."""


def nodes_of(server: str) -> list[NodeView]:
    """Every node of a server by name, those that are down included; fails when the cluster does not answer."""
    servers = Servers()
    with session():
        row = found(Server, Server.name == server, f"server '{server}'")
        cluster, ours = servers.cluster(row), _ours(row.id)
        limit = read(Thresholds).node_percent
    try:
        nodes = sorted(cluster.nodes(), key=lambda each: each.name)
    finally:
        servers.close()
    return [
        NodeView(
            each.name,
            each.online,
            each.cpus,
            round(100 * each.cpu, 1),
            round(each.memory / _GIB, 1),
            round(each.memory_used / _GIB, 1),
            ours.get(each.name, 0),
            100 * each.cpu >= limit,
            bool(each.memory) and is_full(each.memory_used, each.memory, limit),
        )
        for each in nodes
    ]


def _ours(server_id: int) -> dict[str, int]:
    """How many VMs of ours each node carries, as far as we know."""
    query = Vm.select(Vm.node, fn.COUNT(Vm.id)).where(Vm.server == server_id, Vm.vm_status != "remove")
    return {node: int(number) for node, number in query.group_by(Vm.node).tuples()}
