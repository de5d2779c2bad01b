"""Times and durations as text, coarse enough not to change every second."""

from __future__ import annotations

from engine.clock import now_ms, stamp


def ago(ms: int | None) -> str:
    """The time since a moment, such as `12 min ago`; `never` for None."""
    return "never" if ms is None else f"{age(ms)} ago"


def age(ms: int | None) -> str:
    """The time since a moment, in its largest fitting unit."""
    if ms is None:
        return "?"
    seconds = max(0, now_ms() - ms) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def until(ms: int) -> str:
    """The time until a future moment, coarse enough not to change every second."""
    seconds = (ms - now_ms()) // 1000
    return "now" if seconds < 10 else "within a minute" if seconds < 60 else f"in {seconds // 60 + 1} min"


def at(ms: int | None) -> str:
    """A moment in UTC to the second; `—` for none."""
    return "—" if ms is None else stamp(ms)
