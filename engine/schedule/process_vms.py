"""processVirtualMachines: what every tick does for the VMs.

It makes failed steps due again, asks each server once how its guests stand (which is also the probe of a server
that was away), and reports what the walks came to. The walking itself is the runner's.
"""

from __future__ import annotations

import logging
import re
import threading
import time

from engine import certificates
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.ipam.allocate import sweep_quarantine
from engine.proxmox.faults import ProxmoxError
from engine.proxmox.values import Resource
from engine.queries import usage
from engine.schedule import capacity, drift
from engine.store.database import in_transaction, now_expression, session
from engine.store.models import Run, Server, TaskState, Vm
from engine.work import quorum, servers, wake
from engine.work.catalog import AT_REST
from engine.work.step_attempt import LONGEST_PARK_MS
from engine.work.task import TaskReport, TaskResources

log = logging.getLogger(__name__)
_LOOK_S = 0.1
_SWEEP = 1000
_ANSWER_S = 3.0
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_asking: set[int] = set()  # servers whose answer is pending


def run(resources: TaskResources) -> TaskReport:
    """One tick."""
    began = now_ms()
    in_transaction(_retry_failed)
    while resources.keep_going() and sweep_quarantine(at_most=_SWEEP) == _SWEEP:
        pass  # addresses whose rest is over become free again
    _refresh_all(resources)
    resources.begin()
    if resources.until_rest:
        _until_rest(resources)
    return _report(began if resources.until_rest else min(began, resources.since or began))


def retry_ms() -> int | None:
    """When a failed step is retried: at the next tick; None while the task is switched off."""
    row = TaskState.get_or_none(TaskState.name == "processVirtualMachines")
    minutes = row.interval_minutes if row is not None else 1
    return minutes * 60_000 or None


def _retry_failed() -> None:
    """Retry what failed, from the step that failed, and what a step of the clock left far in the future."""
    now = now_expression()
    failed = (Vm.error != "") & (Vm.wait_kind == "") & ((Vm.due_at > now) | Vm.due_at.is_null())
    out_of_time = Vm.due_at > now + max(retry_ms() or 0, LONGEST_PARK_MS) + 60_000
    due = (
        Vm.update(due_at=now)
        .where(failed | out_of_time, Vm.vm_status.not_in(sorted(AT_REST - {"ready"})))
        .execute()
    )
    if due:
        wake.notify()


def _refresh_all(resources: TaskResources) -> None:
    """Ask every server side by side; one that does not answer in time is left to end by itself."""
    with session():
        enabled = list(Server.select().where(Server.state == "enabled"))
    threads = []
    for server in enabled:
        if server.id not in _asking:
            _asking.add(server.id)
            threads.append(threading.Thread(target=_refresh_one, args=(resources, server), daemon=True))
            threads[-1].start()
    end = time.monotonic() + _ANSWER_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _refresh_one(resources: TaskResources, server: Server) -> None:
    try:
        with session():
            _refresh(resources, server)
    except KvmtuiError as error:
        log.warning("The guests of server %s could not be noted: %s", server.name, error.sentence)
    finally:
        _asking.discard(server.id)


def _refresh(resources: TaskResources, server: Server) -> None:
    """Keep power, locks and drift of all guests, how full nodes and storages are, and when the certificate
    expires; one request for a server."""
    if server.failures >= servers.GIVE_UP_AFTER and not servers.probe_due(server.id):
        return
    try:
        overview = resources.servers.cluster(server).overview()
    except ProxmoxError as error:
        servers.missed(server, error)
        log.warning("Cannot list the guests of server %s: %s", server.name, error.sentence)
        return
    servers.reached(server)
    cluster = resources.servers.cluster(server)
    quorum.check(server, cluster)
    seen = {guest.vmid: guest for guest in overview.guests if guest.kind == "qemu"}
    in_transaction(lambda: _note_states(server.id, seen))
    capacity.keep(server.id, overview)
    usage.remember(server.name, overview.guests)
    drift.compare(server, overview)
    certificates.keep_shown(server, cluster.certificates(), cluster.access.hosts)


_LIST_AGE_MS = 15_000


def _note_states(server_id: int, seen: dict[int, Resource]) -> None:
    """Write only what changed: a tick over idle VMs writes nothing.

    The list may be ten seconds old, so what a step saw since then stays.
    """
    now = now_ms()
    older = Vm.remote_seen_at.is_null() | (Vm.remote_seen_at < now - _LIST_AGE_MS)
    columns = (Vm.id, Vm.vmid, Vm.remote_status, Vm.remote_lock, Vm.node)
    query = Vm.select(*columns).where(
        Vm.server == server_id, Vm.vmid.is_null(False), Vm.vm_status != "remove", older
    )
    for vm_id, vmid, status, lock, node in query.tuples():
        guest = seen.get(vmid)
        if guest and node and node != guest.node:  # HA or an administrator moved it
            Vm.update(node=guest.node).where(Vm.id == vm_id, Vm.due_at.is_null()).execute()
        known = (guest.status, guest.lock or "") if guest else ("missing", "")
        if known != (status, lock):
            Vm.update(remote_status=known[0], remote_lock=known[1], remote_seen_at=now).where(
                Vm.id == vm_id
            ).execute()


def _until_rest(resources: TaskResources) -> None:
    """Stay while there is something to walk or to wait for."""
    while resources.keep_going():
        with session():
            now = now_ms()
            failed = (Vm.error != "") & (Vm.wait_kind == "") & (Vm.due_at > now)
            at_work = (Vm.due_at.is_null(False) & ~failed) | (Vm.lease_until > now)
            if not Vm.select().where(at_work).exists():
                return
        time.sleep(_LOOK_S)


def _report(since: int) -> TaskReport:
    """What became of every VM that had a run since then."""
    report = TaskReport()
    with session():
        query = (
            Run.select(Run, Vm.service)
            .join(Vm)
            .where((Run.finished_at >= since) | (Run.live == 1))
            .order_by(Run.id)
        )
        for run_row in query:
            result = run_row.error if run_row.result == "error" else run_row.result
            report.add(
                run_row.vm.service_id,
                summary_name(run_row.action),
                "waiting" if result == "running" else result,
            )
    return report


def summary_name(action: str) -> str:
    """`ChangePackage` as the summary writes it: change_package; `Set CPU RAM`: set_cpu_ram; `VMClone`: vm_clone."""
    return "_".join(_WORD.findall(action)).lower()
