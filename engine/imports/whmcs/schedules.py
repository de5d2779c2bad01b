"""The weekly backup schedule of a VM in the module, as a schedule here."""

from __future__ import annotations

import re

from engine.clock import DAYS
from engine.imports.whmcs.shop import ShopVm
from engine.plan import Plan

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # as the module counts them


def read_schedule(vm: ShopVm, plan: Plan) -> tuple[tuple[str, ...], int, tuple[str, ...]]:
    """The days and the minute of a VM's backups, and what is lost of them; the earliest time counts for all days."""
    times: dict[str, int] = {}
    for key, text in vm.schedule.items():
        found = re.search(r"\b([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
        word = key.strip().lower()[:3]
        day = _DAYS[int(key) % 7] if key.isascii() and key.isdigit() and len(key) == 1 else word
        if found and day in _DAYS:
            times[day] = int(found[1]) * 60 + int(found[2])
    if not times:
        return (), 0, ()
    if not (plan.backups and plan.backup_storage):
        return (
            (),
            0,
            ("Its backup schedule is not moved: the product allows no backups or names no storage.",),
        )
    minute = min(times.values())
    notes = () if len(set(times.values())) == 1 else (
        f"Its backups had a time for each day; they will all start at {minute // 60:02d}:{minute % 60:02d}.",
    )  # fmt: skip
    return tuple(day for day in DAYS if day in times), minute, notes
