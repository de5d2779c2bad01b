"""processVirtualMachines: what every tick does for the VMs.

It makes failed steps due again, asks each server once how its guests stand (which is also the probe of a server
that was away), and reports what the walks came to. The walking itself is the runner's.
"""

from __future__ import annotations

import logging
import time

from engine.clock import now_ms
from engine.ipam.allocate import sweep_quarantine
from engine.proxmox.faults import ProxmoxError
from engine.proxmox.values import Resource
from engine.store.database import in_transaction, session
from engine.store.models import Run, Server, Vm
from engine.work import servers, wake
from engine.work.catalog import AT_REST
from engine.work.task import Report, Room

log = logging.getLogger(__name__)
_LOOK_S = 0.1
_SWEEP = 1000


def run(room: Room) -> Report:
    """One tick."""
    began = now_ms()
    in_transaction(_retry_failed)
    while room.keep_going() and sweep_quarantine(at_most=_SWEEP) == _SWEEP:
        pass  # addresses whose rest is over become free again
    with session():
        # read to the end first: a half-read list on SQLite keeps a later write from beginning
        for server in list(Server.select().where(Server.state == "enabled")):
            _refresh(room, server)
    room.begin()
    if room.until_rest:
        _until_rest(room)
    return _report(began if room.until_rest else min(began, room.since or began))


def _retry_failed() -> None:
    """What failed is tried again from the step that failed."""
    due = (
        Vm.update(due_at=now_ms())
        .where(Vm.error != "", Vm.due_at.is_null(), Vm.vm_status.not_in(sorted(AT_REST - {"ready"})))
        .execute()
    )
    if due:
        wake.ring()


def _refresh(room: Room, server: Server) -> None:
    """Keep what the list shows about power and locks; one request for all guests of a server."""
    if server.failures >= servers.GIVE_UP_AFTER and not servers.probe_due(server.id):
        return
    try:
        guests = room.servers.cluster(server).resources()
    except ProxmoxError as error:
        servers.missed(server, error)
        log.warning("Server %s could not be asked for its guests: %s", server.name, error.sentence)
        return
    servers.reached(server)
    seen = {guest.vmid: guest for guest in guests if guest.kind == "qemu"}
    in_transaction(lambda: _note_states(server.id, seen))


def _note_states(server_id: int, seen: dict[int, Resource]) -> None:
    """Write only what changed: a tick over machines at rest writes nothing."""
    now = now_ms()
    query = Vm.select(Vm.id, Vm.vmid, Vm.remote_status, Vm.remote_lock).where(
        Vm.server == server_id, Vm.vmid.is_null(False), Vm.vm_status != "remove"
    )
    for vm_id, vmid, status, lock in query.tuples():
        guest = seen.get(vmid)
        told = (guest.status, guest.lock or "") if guest else ("missing", "")
        if told != (status, lock):
            Vm.update(remote_status=told[0], remote_lock=told[1], remote_seen_at=now).where(
                Vm.id == vm_id
            ).execute()


def _until_rest(room: Room) -> None:
    """Stay while there is something to walk or to wait for."""
    while room.keep_going():
        with session():
            at_work = Vm.select().where((Vm.due_at.is_null(False)) | (Vm.lease_until > now_ms())).exists()
        if not at_work:
            return
        time.sleep(_LOOK_S)


def _report(since: int) -> Report:
    """What became of every VM that had a run since then."""
    report = Report()
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
                run_row.vm.service_id, _snake(run_row.action), "waiting" if result == "running" else result
            )
    return report


def _snake(action: str) -> str:
    """`ChangePackage` as the summary writes it: change_package."""
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in action)
    return "_".join(spaced.lower().split())
