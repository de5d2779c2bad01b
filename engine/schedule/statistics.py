"""collectingStatistics: bytes in and out per VM and hour, right through stops, moves and missed hours.

The counters of a guest begin anew at every start. A counter that went back, or an uptime shorter than the time
since the last look, is such a new beginning: what it shows is then all new. Hours nobody looked at are counted
at the next look, in that look's hour.
"""

from __future__ import annotations

import logging

from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.proxmox.guest_values import GuestStatus
from engine.proxmox.guest_view import GuestView
from engine.schedule.task import Report, Room
from engine.store.database import in_transaction, session
from engine.store.models import Traffic, TrafficMark, Vm

log = logging.getLogger(__name__)
HOUR_MS = 3_600_000


def run(room: Room) -> Report:
    """Read the counters of every running VM once."""
    report = Report()
    with session():
        query = Vm.select().where(Vm.vm_status == "ready", Vm.node != "", Vm.remote_status == "running")
        for vm in list(query.order_by(Vm.server, Vm.id)):
            if not room.keep_going():
                break
            report.add(vm.service_id, "collect_statistics", _collect(room, vm))
    return report


def _collect(room: Room, vm: Vm) -> str:
    assert vm.vmid is not None
    try:
        status = GuestView(room.servers.cluster(vm.server), vm.vmid, vm.node).status()
    except KvmtuiError as error:
        return error.sentence
    if status.running:
        in_transaction(lambda: note(vm, status))
    return "success"


def note(vm: Vm, status: GuestStatus) -> None:
    """Add what was transferred since the last look; call it inside a transaction."""
    now = now_ms()
    last = TrafficMark.get_or_none(TrafficMark.vm == vm.id)
    new_in, new_out = status.net_in, status.net_out
    if last is not None and not _began_anew(last, status, now):
        new_in, new_out = status.net_in - last.net_in, status.net_out - last.net_out
    elif last is None and vm.created_at < now - status.uptime * 1000 - HOUR_MS:
        new_in = new_out = 0  # first look at a VM that ran long before we counted: it is the beginning
    _add(vm, now - now % HOUR_MS, new_in, new_out)
    marks = {"at": now, "net_in": status.net_in, "net_out": status.net_out, "uptime": status.uptime}
    TrafficMark.insert(vm=vm.id, **marks).on_conflict(
        conflict_target=[TrafficMark.vm],
        preserve=[TrafficMark.at, TrafficMark.net_in, TrafficMark.net_out, TrafficMark.uptime],
    ).execute()


def _began_anew(last: TrafficMark, status: GuestStatus, now: int) -> bool:
    back = status.net_in < last.net_in or status.net_out < last.net_out
    return back or status.uptime < last.uptime or status.uptime * 1000 < (now - last.at) - 120_000


def _add(vm: Vm, hour: int, bytes_in: int, bytes_out: int) -> None:
    Traffic.insert(vm=vm.id, service=vm.service_id, hour=hour).on_conflict_ignore().execute()
    Traffic.update(bytes_in=Traffic.bytes_in + bytes_in, bytes_out=Traffic.bytes_out + bytes_out).where(
        Traffic.vm == vm.id, Traffic.hour == hour
    ).execute()
