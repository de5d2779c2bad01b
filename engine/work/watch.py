"""Asks each node once for its active tasks, on behalf of every VM that waits there.

One worker watches a server at a time, by a named lease, and each server is watched by a thread of its own: one that
does not answer delays nobody else. What ended is made due, and whoever claims the VM asks how it ended.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict

from engine.proxmox.faults import ProxmoxError
from engine.proxmox.values import Upid
from engine.store.database import execute, in_transaction, now_expression, session
from engine.store.models import Server, Vm
from engine.work import servers, wake
from engine.work.leases import hold
from engine.work.servers import Servers

log = logging.getLogger(__name__)
EVERY_S = 0.6  # two requests per node and second at most, with room for one more
_WATCH_MS = 5_000
_TOGETHER_MS = 600_000  # tasks that began so close together are listed together
Waiting = dict[int, dict[str, set[str]]]  # task ids by server and node


class Watcher:
    """Watches the tasks of every server side by side."""

    def __init__(self, owner: str, handles: Servers) -> None:
        self._owner = owner
        self._handles = handles
        self._asking: set[int] = set()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Start a look at every server whose last one has ended; returns at once."""
        for server_id, nodes in waiting().items():
            with self._lock:
                if server_id in self._asking:
                    continue
                self._asking.add(server_id)
            threading.Thread(
                target=self._look_at, args=(server_id, nodes), name=f"watch-{server_id}", daemon=True
            ).start()

    @property
    def asking(self) -> set[int]:
        """The servers whose answer is still outstanding."""
        with self._lock:
            return set(self._asking)

    def _look_at(self, server_id: int, nodes: dict[str, set[str]]) -> None:
        try:
            look_at(self._owner, self._handles, server_id, nodes)
        except Exception:
            log.exception("The tasks of server %s could not be watched; trying again", server_id)
        finally:
            with self._lock:
                self._asking.discard(server_id)


def check(owner: str, handles: Servers) -> None:
    """Look at every server, one after another."""
    for server_id, nodes in waiting().items():
        look_at(owner, handles, server_id, nodes)


def waiting() -> Waiting:
    """The tasks VMs wait on, by server and node."""
    found: Waiting = defaultdict(lambda: defaultdict(set))
    with session():
        for server, node, upid in execute(_WAITING).fetchall():
            found[server][node].add(upid)
    return found


_WAITING = "SELECT server_id, wait_node, wait_upid FROM vm WHERE wait_kind = 'task' AND wait_node <> ''"


def look_at(owner: str, handles: Servers, server_id: int, nodes: dict[str, set[str]]) -> None:
    """Make the VMs of one server due whose task has ended."""
    if not hold(f"watch:{server_id}", owner, _WATCH_MS):
        return
    with session():
        server = Server.get_by_id(server_id)
        if servers.why_not(server):
            return
        for node, upids in nodes.items():
            _look_at_node(handles, server, node, upids)


def _look_at_node(handles: Servers, server: Server, node: str, upids: set[str]) -> None:
    try:
        running = {task.upid for task in handles.cluster(server).active_tasks(node) if task.running}
    except ProxmoxError as error:
        servers.missed(server, error)
        log.warning("The tasks of node %s could not be read: %s", node, error.sentence)
        return
    servers.reached(server)
    if len(upids - running) > 1:
        _read_endings(handles, server, node, upids - running)
    if ended := upids - running:
        in_transaction(lambda: _make_due(server.id, ended))


def _read_endings(handles: Servers, server: Server, node: str, ended: set[str]) -> None:
    """Read with one request how the tasks of several VMs ended; what it does not show, each VM asks for itself."""
    newest = max((each.started_ms for upid in ended if (each := Upid.parse(upid))), default=0)
    try:
        handles.cluster(server).recent_tasks(node, newest - _TOGETHER_MS)
    except ProxmoxError as error:
        log.info("The ended tasks of node %s could not be listed: %s", node, error.sentence)


def _make_due(server_id: int, ended: set[str]) -> None:
    Vm.update(due_at=now_expression()).where(
        Vm.server == server_id, Vm.wait_kind == "task", Vm.wait_upid.in_(sorted(ended))
    ).execute()
    wake.notify()
