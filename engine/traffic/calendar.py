"""Months as they are billed: from midnight to midnight on the clock of the site."""

from __future__ import annotations

import re
from datetime import datetime

from engine.clock import local
from engine.errors import Refused

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def month_of(moment: int) -> str:
    """The month a moment lies in, as YYYY-MM."""
    return local(moment).strftime("%Y-%m")


def bounds(month: str) -> tuple[int, int]:
    """The first moment of a month and that of the next one; refuses what is no month."""
    match = _MONTH.fullmatch(month)
    year, number = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1900 <= year < 9999:
        raise Refused(f"'{month}' is not a month; write YYYY-MM.")
    return _first(year, number), _first(year + number // 12, number % 12 + 1)


def month_before(month: str) -> str:
    """The month before this one."""
    return month_of(bounds(month)[0] - 1)


def _first(year: int, number: int) -> int:
    return int(datetime(year, number, 1, tzinfo=local(0).tzinfo).timestamp() * 1000)
