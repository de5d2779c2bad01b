"""Old hours become one row per VM and day, old days one row per VM and month. No sum of a month changes.

A folded row is in the middle of its day or month, or at the newest hour it holds if that is earlier: a time zone
that is changed later does not move it into another month, and no VM seems to be counted further than it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from peewee import EXCLUDED

from engine.clock import local
from engine.store.database import in_transaction, is_postgres, session
from engine.store.models import Traffic
from engine.traffic.calendar import bounds, month_before, month_of

_VMS = 50  # looked at together
_ROWS = 500  # folded in one transaction, and the rest of the VM that was begun
Period = tuple[str, int]  # its name, and where its row stands at the latest


@dataclass(frozen=True, slots=True)
class Edges:
    """What is folded: whole days before `day` into days, whole months before `month` into months."""

    day: int
    month: int

    def period(self, hour: int) -> Period | None:
        """The day or month an hour is folded into; None while it stays."""
        if hour < self.month:
            name = month_of(hour)
            low, high = bounds(name)
            return name, (low + high) // 2
        if hour < self.day:
            here = local(hour)
            return here.strftime("%Y-%m-%d"), _ms(here.replace(hour=12, minute=0, second=0, microsecond=0))
        return None


def edges(now: int, hours_days: int) -> Edges:
    """Hours are kept for so many whole days (0: until their month is folded), days until a month is two months old."""
    month, _ = bounds(month_before(month_of(now)))
    if not hours_days:
        return Edges(month, month)
    midnight = local(now).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=hours_days)
    return Edges(max(month, _ms(midnight)), month)


def fold_next(after: int | None, upto: Edges) -> int | None:
    """Fold the next VMs in the order of their numbers; returns the last number, None when there are no more."""
    with session():
        vms = _next(after)
        last, rows = None, 0
        for vm in vms:
            last = vm
            if any(len(group) > 1 for group in _by_period(vm, upto, lock=False).values()):
                rows += in_transaction(partial(_fold, vm, upto))
            if rows >= _ROWS:
                break
    return last


def fold_for_good(vm_id: int) -> None:
    """Fold everything of a VM whose record goes into months; call it in that transaction."""
    _fold(vm_id, Edges(0, _NEVER))


_NEVER = 1 << 62


def _next(after: int | None) -> list[int]:
    query = Traffic.select(Traffic.vm).distinct().order_by(Traffic.vm).limit(_VMS)
    if after is not None:
        query = query.where(Traffic.vm > after)
    return [vm for (vm,) in query.tuples()]


def _by_period(vm_id: int, upto: Edges, lock: bool) -> dict[Period, list[Any]]:
    before = max(upto.day, upto.month)
    columns = (Traffic.id, Traffic.service, Traffic.hour, Traffic.bytes_in, Traffic.bytes_out)
    query = Traffic.select(*columns).where(Traffic.vm == vm_id, Traffic.hour < before).order_by(Traffic.hour)
    if lock and is_postgres():
        query = query.for_update()  # whoever adds to one of these hours waits, then makes a row of his own
    found: dict[Period, list[Any]] = {}
    for row in query.tuples():
        if (period := upto.period(row[2])) is not None:
            found.setdefault(period, []).append(row)
    return found


def _fold(vm_id: int, upto: Edges) -> int:
    """Replace the rows of each period by their sum; returns how many rows were replaced."""
    replaced = 0
    for (_, middle), rows in _by_period(vm_id, upto, lock=True).items():
        if len(rows) == 1:
            continue
        Traffic.delete().where(Traffic.id.in_([row[0] for row in rows])).execute()
        sums = {
            Traffic.bytes_in: Traffic.bytes_in + EXCLUDED.bytes_in,
            Traffic.bytes_out: Traffic.bytes_out + EXCLUDED.bytes_out,
        }
        Traffic.insert(
            vm=vm_id,
            service=rows[-1][1],
            hour=min(middle, rows[-1][2]),
            bytes_in=sum(row[3] for row in rows),
            bytes_out=sum(row[4] for row in rows),
        ).on_conflict(conflict_target=[Traffic.vm, Traffic.hour], update=sums).execute()
        replaced += len(rows)
    return replaced


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
