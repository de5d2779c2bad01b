"""A sample at a VM's counters, and what it means: by the task every hour, and by a step just before a stop."""

from __future__ import annotations

from engine.clock import now_ms
from engine.proxmox.guest_values import GuestStatus
from engine.proxmox.guest_view import GuestView
from engine.store.models import Vm
from engine.traffic import counters, rrd_usage
from engine.traffic.counters import Counted, CountedVm
from engine.traffic.hourly_bytes import CounterChange, CounterReading, counter_change


def sample(view: GuestView, counted_vm: CountedVm, now: CounterReading) -> Counted:
    """What the counters of one VM mean, with what was recorded where they do not tell."""
    if counters.is_older(counted_vm, now) or not rrd_usage.is_needed(counted_vm.last, now):
        return counters.bytes_of(counted_vm, now)
    return counters.bytes_of(
        counted_vm, now, rrd_usage.recorded(view, counters.counted_until(counted_vm), now.at)
    )


def count_before_stop(vm: Vm, view: GuestView, status: GuestStatus) -> None:
    """Count a guest that is about to be switched off: its counters end with it."""
    now = CounterReading(now_ms(), status.net_in, status.net_out, status.uptime)
    for counted_vm in counters.counted_vms(vm.server_id, vm.id):
        if counter_change(counted_vm.last, now) is not CounterChange.STALE:
            counters.keep([sample(view, counted_vm, now)])
