"""A cluster of one guest for the tests of guests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.proxmox import (
    Cluster,
    Guest,
)


def answers(world: Any, config: dict[str, Any] | None, **paths: Any) -> Callable[[Any], Any]:
    """A cluster of one guest: its config, `end of path=data` for other reads, and a task for every change."""
    missing = world.reply(
        status=500, reason="Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist"
    )

    def answer(seen: Any) -> Any:
        for end, data in paths.items():
            if seen.path.endswith("/" + end.replace("__", "/")):
                return data if isinstance(data, world.reply) else world.reply(data)
        if seen.method == "GET" and seen.path.endswith("/config"):
            return missing if config is None else world.reply(config)
        if seen.path == "/version":
            return world.reply({"version": "9.0.10"})
        if seen.method == "GET":
            return world.reply([])
        no_task = seen.method == "PUT" or "/firewall/" in seen.path or "/agent/" in seen.path
        return world.reply(None if no_task else world.upid())

    return answer


def the_guest(cluster: Cluster, world: Any, **known: Any) -> Guest:
    """The guest with VMID 100 and our mark."""
    return Guest(cluster, 100, world.mark, node="pve1", **known)
