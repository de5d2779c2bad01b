"""Which servers have lost quorum: a state of the cluster, reported once, in which VMs wait and none fails.

A server in this state answers, so it has no failures, and it has a time for the next check. Its VMs wait for the
server, as they do for one that does not answer.
"""

from __future__ import annotations

from engine.clock import now_ms
from engine.proxmox.cluster import Cluster
from engine.proxmox.faults import ProxmoxError
from engine.store.database import in_transaction
from engine.store.models import Server
from engine.work import events, servers
from engine.work.outages import lost, waits

_HINTS = ("no_quorum", "node_unreachable", "daemon_down")


def hinted(server: Server, cluster: Cluster, error: ProxmoxError) -> str:
    """Look at the quorum when a failure makes one doubt it; why changes wait, or nothing."""
    return check(server, cluster) if error.reason in _HINTS else ""


def check(server: Server, cluster: Cluster) -> str:
    """Ask the cluster for its quorum and record it; why changes wait, or nothing.

    The loss is one alert per server, and so is the return, which makes the waiting VMs due. A cluster that does
    not tell (it does not answer, or the login lacks Sys.Audit on /) leaves the record unchanged.
    """
    try:
        quorum = cluster.quorum()
    except ProxmoxError:
        return waits(server)
    if quorum.quorate:
        if lost(server):
            in_transaction(lambda: _regained(server))
    else:
        said = f"{server.name} has lost quorum ({quorum.count})"
        in_transaction(lambda: _note_loss(server, said))
    return waits(server)


def _note_loss(server: Server, said: str) -> None:
    news = (Server.failures > 0) | Server.probe_at.is_null()
    changes = {"failures": 0, "last_error": said, "probe_at": now_ms() + servers.PROBE_MS}
    if Server.update(changes).where(Server.id == server.id, news).execute():
        events.publish("alert", f"{said}; changes wait", level="error")
    fresh = Server.get_by_id(server.id)
    server.failures, server.last_error, server.probe_at = fresh.failures, fresh.last_error, fresh.probe_at


def _regained(server: Server) -> None:
    was_lost = (Server.failures == 0) & Server.probe_at.is_null(False)
    changes = {"last_error": "", "probe_at": None}
    if Server.update(changes).where(Server.id == server.id, was_lost).execute():
        servers.resume(server.id)
        events.publish("alert", f"{server.name} has quorum again; changes continue", level="success")
    server.last_error, server.probe_at = "", None
