"""One guest, looked at: everything that can be read of it without changing anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode

from .answers import ProxmoxAnswer, maybe_text, text_of
from .api_request import ApiRequest
from .cluster import Cluster
from .fault_table import FaultKind
from .faults import ProxmoxError, odd_answer
from .guest_values import (
    GuestConfig,
    GuestLocation,
    GuestSnapshot,
    GuestStatus,
    PendingChange,
    RrdPoint,
    pending_changes,
)
from .ha import HaState
from .journal import Value
from .values import ConsoleTicket

RECENT_S = 2.0


class GuestView:
    """A guest by its number; finds its node by itself and notices when it has moved."""

    def __init__(self, cluster: Cluster, vmid: int, node: str | None = None) -> None:
        self.cluster = cluster
        self.vmid = vmid
        self._node = node
        self._seen: tuple[float, GuestConfig] | None = None
        self.on_move: Callable[[str, str], None] | None = None  # hears when it is found on another node

    @property
    def node(self) -> str:
        """The node it was last seen on, looked up when unknown."""
        if self._node is None:
            self._locate(None)
        assert self._node is not None
        return self._node

    def config(self, *, current: bool = False) -> GuestConfig:
        """Its config now; looked for on every node when it is not where it was."""
        try:
            config = self.cluster.guest_config(self.node, self.vmid, current=current)
        except ProxmoxError as fault:
            if not self._may_have_moved(fault):
                raise
            self._locate(fault)
            config = self.cluster.guest_config(self.node, self.vmid, current=current)
        if not current:
            self._seen = (time.monotonic(), config)
        return config

    def recent_config(self) -> GuestConfig:
        """Its config as read by this object a moment ago and not changed by it since, else read now.

        What is decided on it is still safe: changes of the config carry its digest.
        """
        if self._seen is not None and time.monotonic() - self._seen[0] < RECENT_S:
            return self._seen[1]
        return self.config()

    def seen_at(self, location: GuestLocation) -> None:
        """Use a location and config that were just read."""
        self._node = location.node
        self._seen = (time.monotonic(), location.config)

    def forget(self) -> None:
        """Drops cached values: everything is read again."""
        self._seen = None

    def configs(self) -> tuple[GuestConfig, GuestConfig]:
        """Its config as it is now, and as the next start makes it, in one request."""
        now: dict[str, object] = {}
        planned: dict[str, object] = {}
        for row in self.read("Reading the config", "pending").rows():
            key = text_of(row, "key")
            if row.get("value") is not None:
                now[key] = row["value"]
            if row.get("pending") is not None:
                planned[key] = row["pending"]
            elif row.get("value") is not None and not row.get("delete"):
                planned[key] = row["value"]
        return GuestConfig(now), GuestConfig(planned)

    def pending(self) -> tuple[PendingChange, ...]:
        """The changes that wait for the next start."""
        return pending_changes(*self.configs())

    def status(self) -> GuestStatus:
        """Whether it runs, is locked, and what it uses, at this moment."""
        return GuestStatus.of(self.read("Reading the status", "status", "current").mapping())

    def ha(self) -> HaState | None:
        """What HA does with it; None when HA does not manage it.

        The requested state needs Sys.Audit on /; without it, the state HA is in counts as requested.
        """
        status = self.status()
        if not status.ha_managed:
            return None
        return HaState(self.vmid, status.ha_state, self.ha_request() or status.ha_state)

    def ha_request(self) -> str:
        """The state its HA resource requests, `ignored` included; empty without one, or without Sys.Audit on /."""
        try:
            answer = self.cluster.get(
                f"Reading the HA resource of VM {self.vmid}", "cluster", "ha", "resources", f"vm:{self.vmid}"
            )
        except ProxmoxError as fault:
            if fault.reason not in ("no_privilege", "no_item"):
                raise
            return ""
        return text_of(answer.mapping(), "state", "started")

    def snapshots(self) -> tuple[GuestSnapshot, ...]:
        """Its snapshots, oldest first."""
        rows = self.read("Listing the snapshots", "snapshot").rows()
        snapshots = (GuestSnapshot.of(row) for row in rows if row.get("name") != "current")
        return tuple(sorted(snapshots, key=lambda snapshot: snapshot.created_ms))

    def rrddata(self, timeframe: str) -> tuple[RrdPoint, ...]:
        """Its usage over the last hour, day, week, month or year; empty while nothing has been measured yet."""
        params: dict[str, Value] = {"timeframe": timeframe, "cf": "AVERAGE"}
        try:
            rows = self.read("Reading the usage", "rrddata", params=params).rows()
        except ProxmoxError as fault:
            if fault.reason == "no_usage":
                return ()
            raise
        return tuple(RrdPoint.of(row) for row in rows)

    def agent_alive(self) -> bool:
        """Whether the agent in the guest answers; false when there is none or the guest is off."""
        request = self._request("POST", "Asking the guest agent", ("agent", "ping"))
        try:
            self.cluster.transport.read(request)
        except ProxmoxError as fault:
            if fault.reason in ("no_agent", "agent_silent", "not_running"):
                return False
            raise
        return True

    def serial_console(self) -> ConsoleTicket:
        """A seat at its serial console; needs a serial0 socket in the config."""
        return self._console("Opening the serial console", "termproxy", {})

    def screen_console(self) -> ConsoleTicket:
        """A seat at its screen, over VNC in a websocket."""
        return self._console("Opening the screen", "vncproxy", {"websocket": 1})

    def _console(self, what: str, call: str, params: dict[str, Value]) -> ConsoleTicket:
        """The ticket and the websocket must be used at the same host, so the answering host is part of it."""
        answer = self.cluster.transport.read(self._request("POST", what, (call,), params))
        row, host = answer.mapping(), answer.attempt.host
        ticket, port = text_of(row, "ticket"), text_of(row, "port")
        if not ticket or not port.isdecimal():
            raise odd_answer(answer.attempt, "it holds no console ticket")
        name = f"[{host}]" if ":" in host else host
        query = urlencode({"port": port, "vncticket": ticket})
        url = f"wss://{name}:{self.cluster.access.port}/api2/json/nodes/{self.node}/qemu/{self.vmid}/vncwebsocket?{query}"
        headers = self.cluster.transport.websocket_headers(host)
        password = maybe_text(row, "password")
        return ConsoleTicket(
            host, int(port), url, text_of(row, "user"), ticket, headers, password, maybe_text(row, "upid")
        )

    def read(self, what: str, *path: str, params: dict[str, Value] | None = None) -> ProxmoxAnswer:
        """The answer to a reading request below this guest's own path; a guest that has moved is looked for once."""
        try:
            return self.cluster.transport.read(self._request("GET", what, path, params or {}))
        except ProxmoxError as fault:
            if not self._may_have_moved(fault):
                raise
            self._locate(fault)
        return self.cluster.transport.read(self._request("GET", what, path, params or {}))

    def _request(
        self, method: str, what: str, path: tuple[str, ...], params: dict[str, Value] | None = None
    ) -> ApiRequest:
        whole = ("nodes", self.node, "qemu", str(self.vmid), *path)
        description = f"{what} of VM {self.vmid} on {self.node}"
        return ApiRequest(method, whole, description, params or {}, node=self.node, vmid=self.vmid)

    def _may_have_moved(self, fault: ProxmoxError) -> bool:
        """Whether to look for it elsewhere: it is not on its node, or that is down and HA may have restarted it."""
        if fault.guest_missing:
            return True
        if fault.reason != "node_unreachable":
            return False
        rows = self.cluster.resources()
        return any(row.vmid == self.vmid and row.kind == "qemu" and row.node != self._node for row in rows)

    def _locate(self, fault: ProxmoxError | None) -> None:
        location = self.cluster.find_guest(self.vmid)
        if location is not None:
            before, self._node = self._node, location.node
            if before not in (None, location.node) and self.on_move:
                self.on_move(str(before), location.node)
            return
        raise fault or ProxmoxError(
            FaultKind.GONE,
            f"VM {self.vmid} not found on any node of {self.cluster.name}.",
            reason="no_config",
            sent=False,
        )
