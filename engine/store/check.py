"""Looks the whole database over and says in sentences what must not be. It changes nothing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from peewee import JOIN, fn

from engine import audit
from engine.counting import counted
from engine.errors import KvmtuiError
from engine.ipam import assignments, ranges
from engine.ipam.spans import Span, without
from engine.ipam.spec import spec_of, usable
from engine.store import error_messages, rotation
from engine.store.database import database, is_postgres, session
from engine.store.models import TABLES, Address, Pool, Run, Service, Vm, VmidClaim

_NAMED = 20
_ALL = 10**9


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: what it is about, and a sentence."""

    about: str
    sentence: str


def check() -> list[Finding]:
    """Every fault found, in the order of the checks; an empty list when all is well."""
    found: list[Finding] = []
    with session():
        for about, look in CHECKS:
            try:
                found.extend(Finding(about, sentence) for sentence in look())
            except error_messages.DATABASE_ERRORS as error:
                reported = error_messages.explained(error, database.obj)
                sentence = reported.sentence if reported else " ".join(str(error).split())
                found.append(Finding(about, f"This could not be checked: {sentence}"))
            except KvmtuiError as error:
                found.append(Finding(about, error.sentence))
    return found


def _integrity() -> Iterator[str]:
    if is_postgres():
        return
    for (line,) in database.execute_sql(f"PRAGMA integrity_check({_NAMED})").fetchall():
        if line != "ok":
            yield f"The database file is damaged: {line}. Restore the newest backup."


def _references() -> Iterator[str]:
    """A row that refers to one that is not there: constraints forbid it, a hand with SQL may lift them."""
    for model in TABLES:
        for field, target in model._meta.refs.items():
            lost = (
                model.select(fn.COUNT(field))
                .join(target, JOIN.LEFT_OUTER, on=(field == field.rel_field))
                .where(field.is_null(False), field.rel_field.is_null())
                .scalar()
            )
            if lost:
                yield (
                    f"Table {model._meta.table_name} has {counted(lost, 'rows')} whose {field.name} does not exist; "
                    "delete them, or restore the newest backup."
                )


def _addresses_once() -> Iterator[str]:
    """Inside a pool an address is never held twice, whatever bridge it was handed out on."""
    twice = (
        Address.select(Address.server, Address.bridge, Address.vlan, Address.address, fn.COUNT(Address.id))
        .group_by(Address.server, Address.bridge, Address.vlan, Address.address)
        .having(fn.COUNT(Address.id) > 1)
        .tuples()
    )
    for server, bridge, vlan, address, count in twice:
        yield f"The address {address} on server {server}, {bridge}, VLAN {vlan} is held {count} times."
    pools = (
        Address.select(Address.pool, Address.address, fn.COUNT(Address.id))
        .where(Address.pool.is_null(False))
        .group_by(Address.pool, Address.address)
        .having(fn.COUNT(Address.id) > 1)
        .tuples()
    )
    for pool, address, count in pools:
        yield f"The address {address} of pool {pool} is held {count} times."


def _held_by_somebody() -> Iterator[str]:
    """An assigned address has a VM; one that rests or is reserved has none."""
    odd = (Address.state == "assigned") & Address.vm.is_null()
    odd |= (Address.state != "assigned") & Address.vm.is_null(False)
    for row in Address.select().where(odd).limit(_NAMED):
        whose = f"VM {row.vm_id}" if row.vm_id else "no VM"
        yield f"The address {row.address} is {row.state} but belongs to {whose}."


def _pools_complete() -> Iterator[str]:
    """Free runs are in order, apart, and exactly what a pool may hand out less what is held."""
    for pool in Pool.select():
        name = f"Pool {pool.id} ({pool.start}-{pool.stop})"
        free = ranges.lowest(pool.id, _ALL)
        wanted = list(_free_by_rights(pool))
        if free == wanted:
            continue
        reported = list(_differences(free, wanted))
        yield from (f"{name}: {sentence}" for sentence in reported[:_NAMED])
        if not reported:
            yield f"{name}: its free ranges overlap or are split where they should be one."


def _free_by_rights(pool: Pool) -> Iterator[Span]:
    taken = list(assignments.places(pool.id))
    for run in usable(spec_of(pool)):
        first = bisect_left(taken, run.lo, key=lambda each: each.hi)
        last = bisect_right(taken, run.hi, key=lambda each: each.lo)
        yield from without(run, taken[first:last])


def _differences(free: list[Span], wanted: list[Span]) -> Iterator[str]:
    for run in _beyond(wanted, free):
        yield f"{run} is neither free nor held; it is never handed out."
    for run in _beyond(free, wanted):
        yield f"{run} counts as free but is held, excluded or outside the range."


def _beyond(these: list[Span], those: list[Span]) -> Iterator[Span]:
    """The parts of these runs that those do not cover."""
    ordered = sorted(those)
    highs = [each.hi for each in ordered]
    for run in these:
        first = bisect_left(highs, run.lo)
        last = bisect_right(ordered, run.hi, key=lambda each: each.lo)
        yield from without(run, ordered[first:last])


def _one_live_run() -> Iterator[str]:
    busy = Run.select(Run.vm, fn.COUNT(Run.id)).where(Run.live == 1).group_by(Run.vm)
    for vm, count in busy.having(fn.COUNT(Run.id) > 1).tuples():
        yield f"VM {vm} has {count} unfinished runs; only one is allowed."
    ended = Run.live.is_null(False) & Run.finished_at.is_null(False)
    for run in Run.select().where(ended).limit(_NAMED):
        yield f"Run {run.id} of VM {run.vm_id} has ended and still counts as live."


def _vmids_claimed() -> Iterator[str]:
    """The VMID of a VM is claimed by it; a claim names a VM that has that VMID or none yet."""
    claim = (VmidClaim.server == Vm.server) & (VmidClaim.vmid == Vm.vmid)
    claimed = claim & (VmidClaim.vm == Vm.id) & (VmidClaim.state == "claimed")
    living = Vm.vmid.is_null(False) & (Vm.vm_status != "remove")
    loose = Vm.select().join(VmidClaim, JOIN.LEFT_OUTER, on=claimed).where(living, VmidClaim.id.is_null())
    for vm in loose.limit(_NAMED):
        yield f"VM {vm.id} (service {vm.service_id}) has VMID {vm.vmid}, which it has not claimed."
    other = (
        VmidClaim.select(VmidClaim.vmid, Vm.id, Vm.vmid)
        .join(Vm, on=(VmidClaim.vm == Vm.id))
        .where(VmidClaim.state == "claimed", Vm.vmid.is_null(False), Vm.vmid != VmidClaim.vmid)
    )
    for vmid, vm, own in other.limit(_NAMED).tuples():
        yield f"VMID {vmid} is claimed by VM {vm}, whose VMID is {own}."


def _vms_and_services() -> Iterator[str]:
    gone = Vm.select().join(Service).where(Service.status == "Terminated", Vm.vm_status != "remove")
    for vm in gone.limit(_NAMED):
        yield f"Service {vm.service_id} is Terminated, but its VM {vm.id} is '{vm.vm_status}'."


def _trail() -> Iterator[str]:
    yield from audit.verify_chain()[:_NAMED]


def _secrets() -> Iterator[str]:
    yield from rotation.verify().faults[:_NAMED]


CHECKS: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
    ("integrity", _integrity),
    ("references", _references),
    ("addresses", _addresses_once),
    ("addresses", _held_by_somebody),
    ("pools", _pools_complete),
    ("runs", _one_live_run),
    ("VMIDs", _vmids_claimed),
    ("services", _vms_and_services),
    ("audit", _trail),
    ("secrets", _secrets),
)
