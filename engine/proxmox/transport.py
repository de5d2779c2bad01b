"""The road to one cluster: its hosts in order, one session per thread and host, and the journal at the one place.

Reading may be tried on the next host when one gives no answer. A call that changes something moves on only when
nothing was sent; it is never sent twice.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .access import ServerAccess
from .answers import ProxmoxAnswer
from .api_request import ApiRequest
from .fault_table import FaultKind
from .faults import ProxmoxError
from .journal import CallRecorder, ChangingCall, SilentRecorder, params_hash, shown
from .login import Login

if TYPE_CHECKING:
    from .session import HostSession

T = TypeVar("T")
_ANOTHER_HOST_MAY_KNOW = ("no_answer", "gateway")


class Transport:
    """Sends requests to a cluster; safe to use from many threads."""

    def __init__(self, access: ServerAccess, recorder: CallRecorder | None = None) -> None:
        self.access = access
        self.recorder: CallRecorder = recorder or SilentRecorder()
        self.requests = 0
        self.requests_by_node: Counter[str] = Counter()
        self._good = access.hosts[0]
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._sessions: weakref.WeakSet[HostSession] = weakref.WeakSet()
        self._login = None if access.token_id else Login(access.user or "", access.password or "")

    def read(self, request: ApiRequest) -> ProxmoxAnswer:
        """The answer to a request that changes nothing."""
        return self._send(request)

    def read_at(self, host: str, request: ApiRequest) -> ProxmoxAnswer:
        """The answer of one host, without asking another when it fails."""
        return self._session(host).exchange(request)

    def change(self, request: ApiRequest, shape: Callable[[ProxmoxAnswer], T]) -> T:
        """The answer to a changing request, in the shape it must have; journalled before and after."""
        call = ChangingCall(
            request.what,
            request.method,
            "/" + request.url_path,
            request.vmid,
            request.node,
            params_hash(request.params),
            shown(request.params),
        )
        call_id = self.recorder.intent(call)
        try:
            result = shape(self._send(request))
        except ProxmoxError as fault:
            self.recorder.failed(call_id, fault.kind, fault.sentence)
            raise
        self.recorder.answered(
            call_id, result if isinstance(result, str) and result.startswith("UPID:") else None
        )
        return result

    def websocket_headers(self, host: str) -> dict[str, str]:
        """The proof of login a console's websocket to this host needs."""
        return self._session(host).auth.headers()

    def certificates(self) -> dict[str, bytes]:
        """The certificate (DER) that each host showed last, of those that were connected to."""
        with self._lock:
            sessions = list(self._sessions)
        newest: dict[str, tuple[float, bytes]] = {}
        for session in sessions:
            seen = session.certificate
            if seen is not None and seen[0] >= newest.get(session.host, seen)[0]:
                newest[session.host] = seen
        return {host: certificate for host, (_, certificate) in newest.items()}

    def close(self) -> None:
        """Closes the connections of every thread."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def _send(self, request: ApiRequest) -> ProxmoxAnswer:
        faults: list[ProxmoxError] = []
        for host in self._hosts():
            try:
                answer = self._session(host).exchange(request)
            except ProxmoxError as fault:
                if not _next_host_may_be_asked(request, fault):
                    raise
                faults.append(fault)
            else:
                self._good = host
                return answer
        # A certificate that is not the pinned one is worth more attention than a host that is down.
        raise next((fault for fault in faults if fault.kind is FaultKind.AUTH), faults[-1])

    def _hosts(self) -> tuple[str, ...]:
        good = self._good
        return (good, *(host for host in self.access.hosts if host != good))

    def _session(self, host: str) -> HostSession:
        from .session import HostSession

        mine: dict[str, HostSession] = self._mine.__dict__.setdefault("sessions", {})
        if host not in mine:
            mine[host] = HostSession(self.access, host, self._login, self._count)
            with self._lock:
                self._sessions.add(mine[host])
        return mine[host]

    def _count(self, node: str | None) -> None:
        with self._lock:
            self.requests += 1
            if node:
                self.requests_by_node[node] += 1


def _next_host_may_be_asked(request: ApiRequest, fault: ProxmoxError) -> bool:
    if not fault.sent:
        return True
    return not request.changing and fault.reason in _ANOTHER_HOST_MAY_KNOW
