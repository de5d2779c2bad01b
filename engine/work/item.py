"""A VM as engine.work sees it: its id, its position in the pipeline, and what it waits for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine.store.database import execute


@dataclass(slots=True)
class WorkItem:
    """The work columns of one VM's row, read at the beginning of a check."""

    id: int
    service_id: int
    server_id: int
    vmid: int | None
    node: str
    vm_status: str
    flow: dict[str, Any]
    wait_kind: str
    wait_node: str
    waiting_since: int | None
    error_since: int | None


_READ = (
    "SELECT id, service_id, server_id, vmid, node, vm_status, flow, wait_kind, wait_node, waiting_since, error_since "
    "FROM vm WHERE id = ?"
)


def read(vm_id: int) -> WorkItem | None:
    """The row as it is now; None when the record was deleted."""
    row = execute(_READ, vm_id).fetchone()
    if row is None:
        return None
    item = WorkItem(*row)
    item.flow = json.loads(row[6])
    return item
