"""Old hours become one row per VM and month: the sums stay, and the table does not grow with every hour for ever."""

from __future__ import annotations

from peewee import fn

from engine.store.models import Traffic
from engine.traffic.calendar import bounds, month_before, month_of


def fold(vm_id: int, now: int) -> None:
    """Sum up every month of a VM before the last one; call it in the transaction that opens a new month."""
    edge, _ = bounds(month_before(month_of(now)))
    while (hour := _newest_before(vm_id, edge)) is not None:
        low, high = bounds(month_of(hour))
        if hour == low:  # folded before, and so were the months before it
            return
        of_month = (Traffic.vm == vm_id) & (Traffic.hour >= low) & (Traffic.hour < high)
        sums = Traffic.select(
            fn.MAX(Traffic.service), fn.SUM(Traffic.bytes_in), fn.SUM(Traffic.bytes_out)
        ).where(of_month)
        service, came, went = next(iter(sums.tuples()))
        Traffic.delete().where(of_month).execute()
        Traffic.insert(vm=vm_id, service=service, hour=low, bytes_in=int(came), bytes_out=int(went)).execute()
        edge = low


def _newest_before(vm_id: int, edge: int) -> int | None:
    """The newest hour before the edge, if any."""
    found = Traffic.select(fn.MAX(Traffic.hour)).where(Traffic.vm == vm_id, Traffic.hour < edge).scalar()
    return None if found is None else int(found)
