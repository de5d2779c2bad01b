"""Moments as an operator writes them: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.clock import Moment, now_ms
from engine.errors import InvalidValue

_AGO = re.compile(r"(\d{1,6})\s*(m|min|h|d|w)")
_MINUTES = {"m": 1, "min": 1, "h": 60, "d": 1440, "w": 10_080}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def moment(text: str, end: bool = False) -> Moment:
    """`2026-04-10`, `2026-04-10 03:49`, ISO 8601 or `90m`, `12h`, `7d`, `2w` ago; without a zone it is UTC.

    With `end`, a day or a minute stands for its last moment.
    """
    words = text.strip()
    ago = _AGO.fullmatch(words)
    if ago is not None:
        return now_ms() - int(ago[1]) * _MINUTES[ago[2]] * 60_000
    try:
        when = datetime.fromisoformat(words)
        if end:
            when += timedelta(days=1) if _DAY.fullmatch(words) else timedelta(minutes=_whole_minute(words))
    except (ValueError, OverflowError):
        raise InvalidValue(
            "q",
            f"'{text}' is not a time; write a date such as 2026-04-10, a time such as 2026-04-10T03:49Z, "
            "or how long ago: 90m, 12h, 7d, 2w.",
        ) from None
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000) - int(end)


def _whole_minute(words: str) -> int:
    """1 when no seconds are given: the minute is meant to its end."""
    return 0 if re.search(r"\d\d:\d\d:\d\d", words) else 1
