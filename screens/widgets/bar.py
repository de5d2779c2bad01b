"""A usage bar: shows how full something is by length, number and sign, and also by colour.

>>> bar(42, 10).text
'████░░░░░░  42 % ·'
>>> bar(None, 10).text
'░░░░░░░░░░   ? % ·'
"""

from __future__ import annotations

from dataclasses import replace

from screens.widgets.rows import Cell

BUSY, FULL = 50.0, 80.0
"""From here on the bar warns, and from there on it is an error."""


def bar(percent: float | None, width: int = 10) -> Cell:
    """A bar of `width` cells and its number: quiet under 50, a warning up to 80, an alarm above."""
    if percent is None:
        return Cell(f"{'░' * width}   ? % ·", "muted")
    filled = round(max(0.0, min(100.0, percent)) / 100 * width)
    tone, sign = _meaning(percent)
    return Cell(f"{'█' * filled}{'░' * (width - filled)} {percent:3.0f} % {sign}", tone)


def share(used: int, total: int, width: int = 10, full: bool | None = None) -> Cell:
    """How much of a whole is used; an empty whole has no share. `full`: what a threshold of the settings says."""
    cell = bar(100 * used / total if total else None, width)
    if full is None or not total:
        return cell
    tone, sign = ("error", "!") if full else _meaning(min(100 * used / total, FULL))
    return replace(cell, text=f"{cell.text[:-1]}{sign}", tone=tone)


def _meaning(percent: float) -> tuple[str, str]:
    if percent < BUSY:
        return "ok", "·"
    return ("warn", "~") if percent <= FULL else ("error", "!")
