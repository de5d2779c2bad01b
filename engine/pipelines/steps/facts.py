"""Facts that several VMs need from a server at the same time, read once: templates, nodes, storages, bridges."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from engine.proxmox.cluster import Cluster
from engine.proxmox.guest_values import GuestLocation
from engine.proxmox.values import Bridge, NodeInfo, Storage

T = TypeVar("T")
KEEP_S = 10.0
_lock = threading.Lock()
_known: dict[tuple[str, ...], tuple[float, Any]] = {}
_asking: dict[tuple[str, ...], threading.Lock] = {}


def _once(key: tuple[str, ...], ask: Callable[[], T]) -> T:
    """The answer of the last seconds; while one thread asks, the others wait for its answer."""
    with _lock:
        turn = _asking.setdefault(key, threading.Lock())
    with turn:
        known = _known.get(key)
        if known is None or time.monotonic() - known[0] > KEEP_S:
            known = (time.monotonic(), ask())
            _known[key] = known
        return known[1]


def _name(cluster: Cluster) -> str:
    return f"{cluster.name}@{','.join(cluster.access.hosts)}:{cluster.access.port}"


def template(cluster: Cluster, reference: int | str) -> GuestLocation | None:
    """The template with this VMID or name."""
    return _once((_name(cluster), "template", str(reference)), lambda: cluster.find_template(reference))


def nodes(cluster: Cluster) -> tuple[NodeInfo, ...]:
    """The nodes with their free memory."""
    return _once((_name(cluster), "nodes"), cluster.nodes)


def storages(cluster: Cluster, node: str) -> tuple[Storage, ...]:
    """The storages of a node."""
    return _once((_name(cluster), "storages", node), lambda: cluster.storages(node))


def bridges(cluster: Cluster, node: str) -> tuple[Bridge, ...]:
    """The bridges of a node."""
    return _once((_name(cluster), "bridges", node), lambda: cluster.bridges(node))


def firewall_on(cluster: Cluster) -> bool:
    """Whether the cluster's own firewall is switched on."""
    return _once((_name(cluster), "firewall"), lambda: cluster.firewall_baseline().enabled)


def numbers(cluster: Cluster) -> frozenset[int]:
    """The numbers of every guest the login can see."""
    return _once((_name(cluster), "numbers"), lambda: frozenset(one.vmid for one in cluster.resources()))


def forget() -> None:
    """Read everything again."""
    with _lock:
        _known.clear()
