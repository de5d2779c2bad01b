"""Quiet hours on the clock of their time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.notify.quiet import quiet_hours, quiet_seconds

WARSAW = ZoneInfo("Europe/Warsaw")


def left(text: str, *moment: int) -> float:
    """The hours of quiet that are left at this local time."""
    at = datetime(*moment, tzinfo=WARSAW)  # type: ignore[misc, arg-type]
    return quiet_seconds(quiet_hours(text), WARSAW, at.timestamp()) / 3600


def test_they_last_past_midnight_and_end_on_time() -> None:
    assert left("22:00-07:00", 2026, 4, 10, 21, 59) == 0
    assert left("22:00-07:00", 2026, 4, 10, 22, 0) == 9
    assert left("22:00-07:00", 2026, 4, 11, 6, 0) == 1
    assert left("22:00-07:00", 2026, 4, 11, 7, 0) == 0
    assert left("12:00-13:30", 2026, 4, 11, 12, 30) == 1
    assert left("", 2026, 4, 11, 3, 0) == 0


def test_a_night_of_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    assert left("22:00-07:00", 2026, 3, 28, 22, 0) == 8
    assert left("22:00-07:00", 2026, 10, 24, 22, 0) == 10


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(1_767_225_600, 1_798_675_200))
def test_when_they_are_over_they_are_over(begin: int, end: int, now: int) -> None:
    if begin == end:
        return
    hours = quiet_hours(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}")
    seconds = quiet_seconds(hours, WARSAW, now)
    assert 0 <= seconds <= timedelta(hours=25).total_seconds()
    if seconds:
        after = datetime.fromtimestamp(now + seconds, WARSAW)
        assert (
            quiet_seconds(hours, WARSAW, now + seconds + 1) == 0
            or after.fold
            or after.utcoffset() != (datetime.fromtimestamp(now, WARSAW).utcoffset())
        )


@pytest.mark.parametrize("text", ["22-7", "22:00-24:00", "07:00-07:00", "22:00 to 07:00", "x"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="22:00-07:00"):
        quiet_hours(text)
