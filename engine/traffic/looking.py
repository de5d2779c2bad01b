"""A look at a VM's counters, and what it means: by the task every hour, and by a step just before a stop."""

from __future__ import annotations

from engine.clock import now_ms
from engine.proxmox.guest_values import GuestStatus
from engine.proxmox.guest_view import GuestView
from engine.store.models import Vm
from engine.traffic import marks, recorded
from engine.traffic.counted import Fate, Reading, fate
from engine.traffic.marks import Counted, Machine


def look(view: GuestView, machine: Machine, now: Reading) -> Counted:
    """What the counters of one machine mean, with what was recorded where they do not tell."""
    if marks.is_older(machine, now) or not recorded.is_needed(machine.last, now):
        return marks.bytes_of(machine, now)
    return marks.bytes_of(machine, now, recorded.recorded(view, marks.counted_until(machine), now.at))


def count_before_stop(vm: Vm, view: GuestView, status: GuestStatus) -> None:
    """Count a guest that is about to be switched off: its counters end with it."""
    now = Reading(now_ms(), status.net_in, status.net_out, status.uptime)
    for machine in marks.machines(vm.server_id, vm.id):
        if fate(machine.last, now) is not Fate.STALE:
            marks.keep([look(view, machine, now)])
