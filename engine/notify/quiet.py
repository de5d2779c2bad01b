"""Quiet hours: a span of the day during which only critical notifications are sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day to another, past midnight when the second is the earlier one."""

    begin: time
    end: time

    def left(self, now: datetime) -> timedelta:
        """How long they still last at this moment in its time zone; zero outside them."""
        clock = now.timetz().replace(tzinfo=None)
        if self.begin < self.end:
            inside = self.begin <= clock < self.end
        else:
            inside = clock >= self.begin or clock < self.end
        if not inside:
            return timedelta(0)
        day = now.date() if clock < self.end else now.date() + timedelta(days=1)
        end = datetime.combine(day, self.end, now.tzinfo)
        # as moments: a night of a clock change is an hour shorter or longer
        return timedelta(seconds=max(0.001, end.timestamp() - now.timestamp()))


def quiet_hours(text: str) -> QuietHours | None:
    """The quiet hours of a text such as `22:00-07:00`; None for an empty one, ValueError for any other."""
    if not text:
        return None
    found = _SPAN.fullmatch(text.replace(" ", ""))
    if found is None:
        raise ValueError(f"'{text}' are not quiet hours; write them like 22:00-07:00")
    hours = [int(each) for each in found.groups()]
    begin, end = time(hours[0], hours[1]), time(hours[2], hours[3])
    if begin == end:
        raise ValueError(f"'{text}' begin and end at the same time; write them like 22:00-07:00")
    return QuietHours(begin, end)


def quiet_seconds(hours: QuietHours | None, zone: tzinfo, now: float) -> float:
    """How many seconds of quiet are left at a moment in epoch seconds; 0 outside quiet hours."""
    if hours is None:
        return 0.0
    return hours.left(datetime.fromtimestamp(now, zone)).total_seconds()
