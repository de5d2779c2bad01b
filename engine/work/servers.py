"""A client per server, and the record of which servers answer.

After five calls in a row that never reached a server its circuit opens: its VMs are parked with the reason, and one
probe per tick decides when they continue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.clock import now_ms
from engine.proxmox.access import ServerAccess
from engine.proxmox.cluster import Cluster
from engine.proxmox.faults import FaultKind, ProxmoxError
from engine.proxmox.journal import CallRecorder, ChangingCall
from engine.redact import redact
from engine.store.compiled import Compiled
from engine.store.database import in_transaction, now_expression, session
from engine.store.models import Node, Server, Vm
from engine.work import events, wake
from engine.work.access import access_of, source_of

GIVE_UP_AFTER = 5
PROBE_MS = 60_000


class ThreadRecorders:
    """Gives each call to the recorder of its thread; a changing call without one is a fault and is not sent."""

    def __init__(self) -> None:
        self.current = threading.local()

    def intent(self, call: ChangingCall) -> int:
        """Pass the call on before it is sent."""
        return self._here().intent(call)

    def answered(self, call_id: int, upid: str | None) -> None:
        """Pass the answer on."""
        self._here().answered(call_id, upid)

    def failed(self, call_id: int, kind: FaultKind, sentence: str) -> None:
        """Pass the failure on."""
        self._here().failed(call_id, kind, sentence)

    def _here(self) -> CallRecorder:
        recorder: CallRecorder | None = getattr(self.current, "value", None)
        if recorder is None:
            raise RuntimeError("a changing call was made outside a journalled walk")
        return recorder


class Servers:
    """The clusters this process speaks with, one handle each, made again when the settings changed."""

    def __init__(self, connect: Callable[[ServerAccess, CallRecorder], Cluster] = Cluster) -> None:
        self._connect = connect
        self._recorders = ThreadRecorders()
        self._lock = threading.Lock()
        self._made: dict[int, tuple[object, Cluster]] = {}

    def cluster(self, server: Server) -> Cluster:
        """The handle of a server."""
        source = source_of(server)
        with self._lock:
            known = self._made.get(server.id)
            if known is None or known[0] != source:
                known = (source, self._connect(access_of(server), self._recorders))
                self._made[server.id] = known
            return known[1]

    @contextmanager
    def recording(self, recorder: CallRecorder) -> Iterator[None]:
        """Changing calls of this thread go through `recorder` while the block runs."""
        self._recorders.current.value = recorder
        try:
            yield
        finally:
            self._recorders.current.value = None

    def close(self) -> None:
        """Let go of every handle."""
        with self._lock:
            for _, cluster in self._made.values():
                cluster.close()
            self._made.clear()


_PAUSED: Compiled[Node] = Compiled(
    lambda server, name: Node.select(Node.id).where(Node.server == server, Node.name == name, Node.paused), 2
)


def why_not(server: Server, node: str = "") -> str:
    """Why no call may be made to this server or node now; empty when it may.

    It holds no time: a reason that changes every minute would be an event a minute for every VM that waits.
    """
    if server.state == "paused":
        return f"server {server.name} is paused"
    if server.failures >= GIVE_UP_AFTER:
        return f"server {server.name} does not answer: {server.last_error}"
    if node and _PAUSED.first(server.id, node):
        return f"node {node} is paused"
    return ""


def reached(server: Server) -> None:
    """Note that the server answered; VMs that waited for it continue."""
    if server.failures == 0 and server.last_ok_at and now_ms() - server.last_ok_at < PROBE_MS:
        return

    def work() -> None:
        came_back = (
            Server.update(failures=0, last_error="", probe_at=None, last_ok_at=now_ms())
            .where(Server.id == server.id, Server.failures > 0)
            .execute()
        )
        if came_back:
            resume(server.id)
            if server.failures >= GIVE_UP_AFTER:
                events.publish(
                    "alert",
                    f"server {server.name} answers again",
                    level="success",
                    data={"server": server.name, "up": True},
                )
        else:
            Server.update(last_ok_at=now_ms()).where(Server.id == server.id).execute()

    in_transaction(work)
    server.failures = 0


def resume(server_id: int) -> None:
    """Make every VM due that waits for this server; call it inside a transaction."""
    Vm.update(due_at=now_expression()).where(Vm.server == server_id, Vm.wait_kind == "server").execute()
    wake.notify()


def missed(server: Server, error: ProxmoxError) -> None:
    """Note that a call did not reach the server; the fifth in a row opens its circuit."""
    if error.kind is not FaultKind.TRANSIENT or error.status is not None:
        return

    def work() -> None:
        said = redact(error.said or error.sentence)[:300]
        Server.update(failures=Server.failures + 1, last_error=said, probe_at=now_ms() + PROBE_MS).where(
            Server.id == server.id
        ).execute()
        fresh = Server.get_by_id(server.id)
        if fresh.failures == GIVE_UP_AFTER:
            events.publish(
                "alert",
                f"server {server.name} does not answer: {said}",
                level="error",
                data={"server": server.name, "up": False, "error": said},
            )
        server.failures = fresh.failures

    in_transaction(work)


def probe_due(server_id: int) -> bool:
    """True for one caller when a failing server is due for its probe; the next one is a tick later."""
    now = now_ms()
    with session():
        failing = Server.get_or_none((Server.id == server_id) & (Server.failures >= GIVE_UP_AFTER))
        if failing is None or (failing.probe_at or 0) > now:
            return False
    moved = in_transaction(
        lambda: (
            Server.update(probe_at=now + PROBE_MS)
            .where(Server.id == server_id, (Server.probe_at <= now) | Server.probe_at.is_null())
            .execute()
        )
    )
    return bool(moved)
