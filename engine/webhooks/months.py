"""Tells the usage of a month that has ended, once, however many engines there are."""

from __future__ import annotations

from engine.clock import now_ms
from engine.queries.traffic import months
from engine.store.database import in_transaction, session
from engine.store.models import Setting
from engine.traffic.calendar import month_before, month_of
from engine.webhooks import recording

_TOLD = "webhooks.month"
_LATE_MS = 2 * 3_600_000  # the last hour of a month is counted in the first of the next


def tell_last(now: int = 0) -> int:
    """Write a message for every service with traffic in the last month, if that was not done yet; how many."""
    month = month_before(month_of((now or now_ms()) - _LATE_MS))
    with session():
        known = Setting.get_or_none(Setting.key == _TOLD)
    if known is not None and known.value == month:
        return 0
    return in_transaction(lambda: _write(month, known.value if known is not None else None))


def _write(month: str, before: str | None) -> int:
    """Move the mark, and write the messages when it was this process that moved it."""
    if before is None:  # nothing was counted here yet, or webhooks are new: what is past was never promised
        Setting.insert(key=_TOLD, value=month).on_conflict_ignore().execute()
        return 0
    if not Setting.update(value=month).where(Setting.key == _TOLD, Setting.value == before).execute():
        return 0
    usage = {
        each.service_id: {"month": month, "bytes_in": each.bytes_in, "bytes_out": each.bytes_out}
        for each in months(None, month)
    }
    written = recording.write("usage.month", sorted(usage), usage)
    if written:
        recording.ring()
    return written
