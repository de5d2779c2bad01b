"""How far each VM was counted, and the bytes of its hours: moved together, in one transaction, or not at all.

The mark is moved only from where it was read. Of two engines that count the same VM at once one finds it moved and
adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from peewee import EXCLUDED, fn

from engine.clock import local
from engine.store.database import in_transaction, session
from engine.store.models import Traffic, TrafficMark, Vm
from engine.traffic.aggregation import fold_for_good
from engine.traffic.hourly_bytes import CLOCKS_MS, HOUR_MS, CounterReading, Hours, RateSpan, counted

_ROWS = 1000  # rows of one statement; both databases take more


@dataclass(frozen=True, slots=True)
class CountedVm:
    """A VM to be counted, and its last reading: at first, nothing since its making."""

    id: int
    service_id: int
    vmid: int
    node: str
    last: CounterReading
    known: bool  # whether it was ever counted


@dataclass(frozen=True, slots=True)
class Counted:
    """A VM with a new reading and the bytes it means."""

    vm: CountedVm
    now: CounterReading
    hours: Hours


def counted_vms(server_id: int, vm_id: int | None = None) -> list[CountedVm]:
    """Every VM of a server that has a guest, or one of them, with how far it was counted."""
    columns = (Vm.id, Vm.service, Vm.vmid, Vm.node, Vm.created_at, *_reading_columns())
    query = Vm.select(*columns).left_outer_join(TrafficMark, on=(TrafficMark.vm == Vm.id))
    query = query.where(Vm.server == server_id, Vm.vmid.is_null(False), Vm.node != "").order_by(Vm.id)
    if vm_id is not None:
        query = query.where(Vm.id == vm_id)
    with session():
        return [_counted_vm(*row) for row in list(query.tuples())]


def _reading_columns() -> tuple[object, ...]:
    return TrafficMark.at, TrafficMark.net_in, TrafficMark.net_out, TrafficMark.uptime


def _counted_vm(
    vm: int, service: int, vmid: int, node: str, created: int, at: int | None, came: int, went: int, up: int
) -> CountedVm:
    last = CounterReading(created, 0, 0, 0) if at is None else CounterReading(at, came, went, up)
    return CountedVm(vm, service, vmid, node, last, at is not None)


def is_older(vm: CountedVm, now: CounterReading) -> bool:
    """Whether the guest ran before it was adopted: its traffic until now is not counted."""
    return not vm.known and now.started < vm.last.at - CLOCKS_MS


def bytes_of(vm: CountedVm, now: CounterReading, slots: Iterable[RateSpan] = ()) -> Counted:
    """What a new reading means for a VM."""
    if is_older(vm, now):
        return Counted(vm, now, {})
    return Counted(vm, now, counted(vm.last, now, slots, _shift(now.at)))


def _shift(at: int) -> int:
    """By how much the hours of the site are not those of UTC: half an hour in India, nothing in Europe."""
    offset = local(at).utcoffset()
    return int(offset.total_seconds() * 1000) % HOUR_MS if offset is not None else 0


def counted_until(vm: CountedVm) -> int:
    """Before this moment nothing may be bridged: the last reading, or a later hour if our clock went back."""
    with session():
        newest = Traffic.select(fn.MAX(Traffic.hour)).where(Traffic.vm == vm.id).scalar()
    if newest is None or newest <= vm.last.at:
        return vm.last.at
    return int(newest) + HOUR_MS


def keep(found: Iterable[Counted]) -> int:
    """Add the bytes of many VMs and move their marks in one transaction; returns how many were still to do."""
    known = list(found)

    def work() -> int:
        moved = [one for one in known if _move(one)]
        rows = [
            {
                "vm": one.vm.id,
                "service": one.vm.service_id,
                "hour": hour,
                "bytes_in": came,
                "bytes_out": went,
            }
            for one in moved
            for hour, (came, went) in sorted(one.hours.items())
        ]
        for place in range(0, len(rows), _ROWS):
            _add(rows[place : place + _ROWS])
        return len(moved)

    return in_transaction(work)


def forget(vm_id: int) -> None:
    """A VM's record goes: its bytes stay billed, under a number no VM can get; call it in that transaction."""
    TrafficMark.delete().where(TrafficMark.vm == vm_id).execute()
    fold_for_good(vm_id)
    Traffic.update(vm=Traffic.id * -1).where(Traffic.vm == vm_id).execute()


def _move(one: Counted) -> bool:
    """Move a mark from where it was read; False when somebody else has counted since."""
    last, now = one.vm.last, one.now
    if not one.vm.known:
        at_first = TrafficMark.insert(vm=one.vm.id, at=last.at, net_in=0, net_out=0, uptime=0)
        at_first.on_conflict_ignore().execute()
    here = (TrafficMark.at == last.at) & (TrafficMark.net_in == last.net_in)
    here &= (TrafficMark.net_out == last.net_out) & (TrafficMark.uptime == last.uptime)
    to = {"at": now.at, "net_in": now.net_in, "net_out": now.net_out, "uptime": now.uptime}
    return bool(TrafficMark.update(to).where(TrafficMark.vm == one.vm.id, here).execute())


def _add(rows: list[dict[str, int]]) -> None:
    sums = {
        Traffic.bytes_in: Traffic.bytes_in + EXCLUDED.bytes_in,
        Traffic.bytes_out: Traffic.bytes_out + EXCLUDED.bytes_out,
    }
    Traffic.insert_many(rows).on_conflict(conflict_target=[Traffic.vm, Traffic.hour], update=sums).execute()
