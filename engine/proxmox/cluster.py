"""One Proxmox cluster: looking around in it, following its tasks, and the two ways a guest comes into being."""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from engine.errors import Refused

from .access import ServerAccess
from .answers import ProxmoxAnswer, Row, flag_of, int_of, text_of
from .api_request import ApiRequest
from .fault_table import FaultKind
from .faults import ProxmoxError, TaskExit, is_vague, not_ours, says_all, task_ending
from .guest_values import GuestConfig, GuestLocation
from .journal import CallRecorder, Value
from .mark import Mark, find_mark
from .overview import ClusterOverview
from .transport import Transport
from .values import (
    Backup,
    Bridge,
    IsoImage,
    NodeInfo,
    Permissions,
    Quorum,
    Resource,
    Storage,
    TaskLogLine,
    TaskStatus,
    Upid,
    Version,
)
from .wire import tls_context

T = TypeVar("T")
_ENDED_KEPT = 1000
LONGEST_LOG = 5000  # lines; a long backup or migration writes some thousand, its reason last


@dataclass(frozen=True, slots=True)
class FirewallBaseline:
    """What the cluster's own firewall is set to; nothing of a guest's firewall works unless it is enabled."""

    enabled: bool
    policy_in: str
    policy_out: str


class Cluster:
    """The one place to one cluster; safe to use from many threads."""

    def __init__(self, access: ServerAccess, recorder: CallRecorder | None = None) -> None:
        self.access = access
        self.transport = Transport(access, recorder)
        self._version: Version | None = None
        self._endings: dict[
            str, str
        ] = {}  # what lists showed of tasks whose last words say all, oldest first
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The server's name."""
        return self.access.name

    @property
    def requests(self) -> int:
        """How many requests went out so far."""
        return self.transport.requests

    @property
    def requests_by_node(self) -> Counter[str]:
        """How many of them concerned which node."""
        return self.transport.requests_by_node

    def certificates(self) -> dict[str, bytes]:
        """The certificate (DER) that each API host showed last; nothing is sent for it."""
        return self.transport.certificates()

    def close(self) -> None:
        """Closes the connections of every thread."""
        self.transport.close()

    def tls_context(self) -> ssl.SSLContext:
        """A context that judges this server's certificate the same way, for a console's websocket."""
        return tls_context(self.access.tls)

    # --- looking around

    def version(self) -> Version:
        """The version of Proxmox VE, read once."""
        with self._lock:
            if self._version is None:
                self._version = Version.of(self.get("Reading the version", "version").mapping())
            return self._version

    def permissions(self) -> Permissions:
        """What our login may do."""
        return Permissions.of(self.get("Reading our permissions", "access", "permissions").mapping())

    def nodes(self) -> tuple[NodeInfo, ...]:
        """Every node, those that are down included."""
        return tuple(NodeInfo.of(row) for row in self.get("Listing the nodes", "nodes").rows())

    def quorum(self) -> Quorum:
        """Whether the cluster accepts changes, and which nodes are missing; needs Sys.Audit on /."""
        return Quorum.of(self.get("Reading the quorum", "cluster", "status").rows())

    def storages(self, node: str) -> tuple[Storage, ...]:
        """The storages a node can use."""
        answer = self.get(f"Listing the storages of {node}", "nodes", node, "storage", node=node, heavy=True)
        return tuple(Storage.of(row, node) for row in answer.rows())

    def chained_storages(self) -> frozenset[str]:
        """The storages that keep snapshots as a chain of volumes (Proxmox VE 9)."""
        rows = self.get("Listing the storages", "storage").rows()
        return frozenset(text_of(row, "storage") for row in rows if flag_of(row, "snapshot-as-volume-chain"))

    def bridges(self, node: str) -> tuple[Bridge, ...]:
        """The bridges of a node a guest can be plugged into."""
        answer = self.get(
            f"Listing the bridges of {node}",
            "nodes",
            node,
            "network",
            node=node,
            params={"type": "any_bridge"},
        )
        return tuple(Bridge.of(row, node) for row in answer.rows())

    def resources(self) -> tuple[Resource, ...]:
        """Every guest of the cluster; names, states and usage are up to ten seconds old."""
        answer = self.get("Listing the guests", "cluster", "resources", params={"type": "vm"})
        return tuple(Resource.of(row) for row in answer.rows())

    def overview(self) -> ClusterOverview:
        """Guests, nodes and storages in one answer; figures are up to ten seconds old."""
        return ClusterOverview.of(self.get("Reading the cluster's resources", "cluster", "resources").rows())

    def firewall_baseline(self) -> FirewallBaseline:
        """The cluster firewall's switch and policies."""
        row = self.get("Reading the cluster firewall", "cluster", "firewall", "options").mapping()
        policy = text_of(row, "policy_in", "DROP"), text_of(row, "policy_out", "ACCEPT")
        return FirewallBaseline(flag_of(row, "enable"), *policy)

    def clock_skew(self, node: str) -> float:
        """Seconds the node's clock is ahead of ours; negative when it is behind."""
        before = time.time()
        row = self.get(f"Reading the clock of {node}", "nodes", node, "time", node=node).mapping()
        return int_of(row, "time") - (before + time.time()) / 2

    # --- finding guests

    def next_id_free(self, vmid: int) -> bool:
        """Whether no guest of the whole cluster, visible to us or not, has this number. Reserves nothing."""
        try:
            self.get(f"Checking whether VMID {vmid} is free", "cluster", "nextid", params={"vmid": vmid})
        except ProxmoxError as fault:
            if fault.reason == "id_taken":
                return False
            raise
        return True

    def guest_config(self, node: str, vmid: int, *, current: bool = False) -> GuestConfig:
        """A guest's config on this node; pending changes count as made unless `current`."""
        params: dict[str, Value] = {"current": 1} if current else {}
        path = ("nodes", node, "qemu", str(vmid), "config")
        answer = self.get(
            f"Reading the config of VM {vmid} on {node}", *path, node=node, vmid=vmid, params=params
        )
        return GuestConfig(answer.mapping())

    def find_guest(self, vmid: int, hint: str | None = None) -> GuestLocation | None:
        """Where a guest is, proven by its config; None only when it is certain that nobody has this number.

        The overview may be stale, so its word is only where to ask first. A node that cannot be asked leaves the
        question open, which is an error, never None.
        """
        open_question: ProxmoxError | None = None
        for node in self._places(vmid, hint):
            try:
                return GuestLocation(vmid, node, self.guest_config(node, vmid))
            except ProxmoxError as fault:
                if not fault.guest_missing:
                    open_question = fault
        # A token with rights on a pool only gets 403 for a number nobody has: the id check knows better.
        if open_question is not None and not self.next_id_free(vmid):
            raise open_question
        return None

    def find_template(self, reference: int | str) -> GuestLocation | None:
        """The template with this VMID or name; refuses a name that several templates share."""
        wanted = str(reference).strip()
        rows = [row for row in self.resources() if row.kind == "qemu" and row.template]
        found = [row for row in rows if str(row.vmid) == wanted] or [
            row for row in rows if row.name == wanted
        ]
        if len(found) > 1:
            ids = ", ".join(str(row.vmid) for row in sorted(found, key=lambda row: row.vmid))
            raise Refused(
                f"Several templates on {self.name} are named '{wanted}' ({ids}); name one by its VMID."
            )
        location = self.find_guest(found[0].vmid, found[0].node) if found else None
        return location if location and location.config.template else None

    # --- following tasks

    def active_tasks(self, node: str) -> tuple[TaskStatus, ...]:
        """What a node works on, in one request; tasks that just ended may be among them."""
        return self._tasks(node, f"Listing the tasks of {node}", {"source": "active", "limit": 1000})

    def recent_tasks(
        self, node: str, since_ms: int, vmid: int | None = None, typefilter: str | None = None
    ) -> tuple[TaskStatus, ...]:
        """The tasks a node began since then, running or ended, newest first."""
        params: dict[str, Value] = {"source": "all", "since": since_ms // 1000, "limit": 500}
        params |= {"vmid": vmid, "typefilter": typefilter}
        return self._tasks(node, f"Listing the recent tasks of {node}", params)

    def task_state(self, upid: str) -> TaskStatus:
        """The status of a task, read from the node in its name."""
        node = _parsed(upid).node
        answer = self.get("Reading a task", "nodes", node, "tasks", upid, "status", node=node)
        return TaskStatus.of({"upid": upid, **answer.mapping()})

    def task_log(self, upid: str, start: int = 0, limit: int = 500) -> tuple[TaskLogLine, ...]:
        """The lines of a task's log after the first `start`."""
        node = _parsed(upid).node
        params: dict[str, Value] = {"start": start, "limit": limit}
        answer = self.get(
            "Reading a task's log", "nodes", node, "tasks", upid, "log", node=node, params=params
        )
        return tuple(TaskLogLine(int_of(row, "n"), text_of(row, "t")) for row in answer.rows())

    def task_ending(self, upid: str) -> TaskExit | None:
        """How a task ended, reading its log when its last words hide the reason; None while it runs.

        A task is not read again when a list has shown that it ended with OK, or because it met a lock.
        """
        with self._lock:
            shown = self._endings.get(upid)
        if shown is not None:
            return task_ending(shown)
        state = self.task_state(upid)
        if state.exitstatus is None or not is_vague(state.exitstatus):
            return state.ending
        return task_ending(state.exitstatus, [line.text for line in self.task_log(upid, limit=LONGEST_LOG)])

    # --- what lies on storages

    def backups(self, node: str, storage: str, vmid: int | None = None) -> tuple[Backup, ...]:
        """The backups on a storage, of one guest or of all."""
        return tuple(Backup.of(row, "backup") for row in self._content(node, storage, "backup", vmid))

    def iso_images(self, node: str, storage: str) -> tuple[IsoImage, ...]:
        """The ISO images on a storage."""
        return tuple(IsoImage.of(row, "iso") for row in self._content(node, storage, "iso", None))

    def delete_backup(self, node: str, storage: str, volid: str, vmid: int, mark: Mark) -> str | None:
        """Deletes one backup of one guest, if the storage says it is that guest's; a task, or None when done.

        Notes that carry another mark refuse it; this distinguishes backups of an earlier VM with the same number.
        """
        found = [backup for backup in self.backups(node, storage, vmid) if backup.volid == volid]
        what = f"Deleting the backup {volid} of VM {vmid}"
        if not found:
            said = f"{storage} holds no such backup of VM {vmid}"
            raise ProxmoxError(
                FaultKind.GONE, f"{what} was not needed: {said}.", reason="no_item", said=said, sent=False
            )
        noted = find_mark(found[0].notes)
        if found[0].vmid != vmid or (noted is not None and noted != mark):
            raise not_ours(vmid, mark, noted, found[0].name)
        path = ("nodes", node, "storage", storage, "content", volid)
        return self.change(
            ApiRequest("DELETE", path, what, changing=True, node=node, vmid=vmid), ProxmoxAnswer.upid_or_none
        )

    # --- making guests

    def clone(
        self,
        template_vmid: int,
        template_node: str,
        newid: int,
        name: str,
        *,
        full: bool,
        mark: Mark,
        storage: str | None = None,
        disk_format: str | None = None,
        target: str | None = None,
    ) -> str:
        """Starts a clone on the node that holds the template; the new guest carries our mark from the call itself.

        `disk_format` is for full clones onto file storages, which make raw files otherwise.
        """
        if (storage or disk_format) and not full:
            raise Refused(
                "A linked clone stays on its template's storage; choose a full clone or no storage."
            )
        params: dict[str, Value] = {
            "newid": newid,
            "name": name,
            "full": int(full),
            "description": mark.line,
            "storage": storage,
            "format": disk_format,
            "target": target,
        }
        what = f"Cloning template {template_vmid} to VM {newid} on {template_node}"
        path = ("nodes", template_node, "qemu", str(template_vmid), "clone")
        return self.change(_making("POST", path, what, params, template_node, newid), ProxmoxAnswer.upid)

    def restore(self, node: str, vmid: int, archive: str, *, mark: Mark, storage: str | None = None) -> str:
        """Starts making a guest from a backup under a number nobody has, carrying our mark."""
        params: dict[str, Value] = {
            "vmid": vmid,
            "archive": archive,
            "storage": storage,
            "description": mark.line,
        }
        what = f"Restoring {archive} as VM {vmid} on {node}"
        return self.change(
            _making("POST", ("nodes", node, "qemu"), what, params, node, vmid), ProxmoxAnswer.upid
        )

    # --- the road, shared with Guest

    def get(
        self,
        what: str,
        *path: str,
        params: dict[str, Value] | None = None,
        node: str | None = None,
        vmid: int | None = None,
        heavy: bool = False,
    ) -> ProxmoxAnswer:
        """The answer to a reading request."""
        wanted = {key: value for key, value in (params or {}).items() if value is not None}
        return self.transport.read(ApiRequest("GET", path, what, wanted, heavy=heavy, node=node, vmid=vmid))

    def change(self, request: ApiRequest, shape: Callable[[ProxmoxAnswer], T]) -> T:
        """Sends a changing request through the journal."""
        return self.transport.change(request, shape)

    def _places(self, vmid: int, hint: str | None) -> Iterator[str]:
        """Every node once, the likely ones first; the cluster is queried only if the hint was wrong."""
        if hint:
            yield hint
        known = [row.node for row in self.resources() if row.vmid == vmid and row.kind == "qemu"]
        everywhere = [node.name for node in self.nodes()]
        yield from (node for node in dict.fromkeys([*known, *everywhere]) if node != hint)

    def _tasks(self, node: str, what: str, params: dict[str, Value]) -> tuple[TaskStatus, ...]:
        answer = self.get(what, "nodes", node, "tasks", node=node, params=params)
        tasks = tuple(TaskStatus.of(row) for row in answer.rows())
        with self._lock:
            for task in tasks:
                if task.exitstatus and task.upid not in self._endings and says_all(task.exitstatus):
                    self._endings[task.upid] = task.exitstatus
            while len(self._endings) > _ENDED_KEPT:
                del self._endings[next(iter(self._endings))]
        return tasks

    def _content(self, node: str, storage: str, content: str, vmid: int | None) -> tuple[Row, ...]:
        what = f"Listing {content} on {storage}"
        path = ("nodes", node, "storage", storage, "content")
        return self.get(what, *path, node=node, params={"content": content, "vmid": vmid}, heavy=True).rows()


def _parsed(upid: str) -> Upid:
    parsed = Upid.parse(upid)
    if parsed is None:
        raise Refused(f"'{upid}' is not the name of a Proxmox task.")
    return parsed


def _making(
    method: str, path: tuple[str, ...], what: str, params: dict[str, Value], node: str, vmid: int
) -> ApiRequest:
    given = {key: value for key, value in params.items() if value is not None}
    needs = ("VM.Allocate", f"/vms/{vmid}")
    return ApiRequest(method, path, what, given, changing=True, heavy=True, node=node, vmid=vmid, needs=needs)
