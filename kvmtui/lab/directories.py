"""GET on a directory of the API: the names of what is below it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fakepve.schema import Schema

from kvmtui.lab.world import LabCluster

# The root, which the schema leaves out.
ROOT = {
    "GET": {
        "allowtoken": 1,
        "permissions": {"user": "all"},
        "parameters": {"additionalProperties": 0},
        "returns": {"type": "array", "links": [{"href": "{subdir}"}]},
    }
}
# Directories that do not list exactly the paths below them.
NAMES: dict[str, tuple[str, ...]] = {
    "/": ("version", "cluster", "nodes", "storage", "access", "pools"),
    "/nodes/{node}/qemu/{vmid}": (
        "config",
        "cloudinit",
        "pending",
        "status",
        "unlink",
        "vncproxy",
        "termproxy",
        "migrate",
        "resize",
        "move",
        "rrd",
        "rrddata",
        "monitor",
        "agent",
        "snapshot",
        "spiceproxy",
        "sendkey",
        "firewall",
        "mtunnel",
        "remote_migrate",
    ),
    "/nodes/{node}/qemu/{vmid}/status": (
        "current",
        "start",
        "stop",
        "reset",
        "shutdown",
        "suspend",
        "reboot",
    ),
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}": ("rollback", "config"),
    "/nodes/{node}/tasks/{upid}": ("log", "status"),
}

# Paths below a directory that it does not list.
NOT_LISTED = frozenset({"execute"})


def listing(
    schema: Schema, template: str, info: dict[str, Any], world: LabCluster
) -> list[dict[str, str]] | None:
    """The listing of a directory, or None when the path is none."""
    returns = info.get("returns") or {}
    links = returns.get("links")
    if returns.get("type") != "array" or not links:
        return None
    key = str(links[0].get("href", "")).strip("{}")
    known = set((returns.get("items") or {}).get("properties") or {})
    names = NAMES.get(template) or _children(schema, template)
    if not key or not names or known - {key}:
        return None
    return [
        {key: name}
        for name in names
        if name not in NOT_LISTED and world.dialect.serves("GET", f"{template.rstrip('/')}/{name}")
    ]


@lru_cache(maxsize=512)
def _children(schema: Schema, template: str) -> tuple[str, ...]:
    return tuple(schema.children(template))
