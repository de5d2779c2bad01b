"""The nearest known name, for refusals of a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing when no name is near."""
    lower = {each.lower(): each for each in names}
    close = get_close_matches(name.lower(), lower, 1)
    return f" Did you mean '{lower[close[0]]}'?" if close else ""
