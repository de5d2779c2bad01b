"""Asks each node once for its active tasks, on behalf of every VM that waits there.

One worker watches a server at a time, by a named lease; what ended is made due, and whoever claims the VM
asks how it ended.
"""

from __future__ import annotations

import logging
from collections import defaultdict

from engine.clock import now_ms
from engine.proxmox.faults import ProxmoxError
from engine.store.database import in_transaction, session
from engine.store.models import Server, Vm
from engine.work import servers, wake
from engine.work.leases import hold
from engine.work.servers import Servers

log = logging.getLogger(__name__)
EVERY_S = 0.6  # two requests per node and second at most, with room for one more
_WATCH_MS = 5_000


def look(owner: str, handles: Servers) -> int:
    """Make every VM due whose task has ended; returns how many still wait."""
    left = 0
    for server_id, nodes in _waiting().items():
        if not hold(f"watch:{server_id}", owner, _WATCH_MS):
            left += sum(map(len, nodes.values()))
            continue
        with session():
            server = Server.get_by_id(server_id)
            if servers.why_not(server):
                continue
            for node, upids in nodes.items():
                left += _look_at(handles, server, node, upids)
    return left


def _waiting() -> dict[int, dict[str, set[str]]]:
    """The tasks VMs wait on, by server and node."""
    found: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    query = Vm.select(Vm.server, Vm.wait_node, Vm.wait_upid).where(Vm.wait_kind == "task", Vm.wait_node != "")
    with session():
        for server, node, upid in query.tuples():
            found[server][node].add(upid)
    return found


def _look_at(handles: Servers, server: Server, node: str, upids: set[str]) -> int:
    try:
        active = {task.upid for task in handles.cluster(server).active_tasks(node)}
    except ProxmoxError as error:
        servers.missed(server, error)
        log.warning("The tasks of node %s could not be read: %s", node, error.sentence)
        return len(upids)
    servers.reached(server)
    ended = upids - active
    if ended:
        in_transaction(lambda: _make_due(server.id, ended))
    return len(upids) - len(ended)


def _make_due(server_id: int, ended: set[str]) -> None:
    Vm.update(due_at=now_ms()).where(
        Vm.server == server_id, Vm.wait_kind == "task", Vm.wait_upid.in_(sorted(ended))
    ).execute()
    wake.ring()
