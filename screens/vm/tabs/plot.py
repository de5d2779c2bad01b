"""Usage as columns of blocks: what was measured as height, what was not as a gap.

    columns(grid([(0, 5.0), (60_000, None), (120_000, 9.0)], 60), 3)     # [5.0, None, 9.0]
    drawn([5.0, None, 9.0], 1, 10.0, EIGHTHS)                            # ["▄ ▇"]

A measured zero is drawn as the lowest block; a gap stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

Values = Sequence[float | None]
_PARTS = 8
_PERCENTS = (5.0, 10.0, 25.0, 50.0, 100.0)
_LEAST_RATE = 1_000.0


def grid(points: Sequence[tuple[int, float | None]], step_s: int) -> list[float | None]:
    """The values at even distances in time; a moment that is missing altogether is a gap as well.

    >>> grid([(0, 5.0), (120_000, 6.0)], 60)
    [5.0, None, 6.0]
    """
    if not points or step_s <= 0:
        return [value for _, value in points]
    start, step = points[0][0], step_s * 1000
    found: list[float | None] = [None] * ((points[-1][0] - start) // step + 1)
    for at, value in points:
        found[(at - start) // step] = value
    return found


def columns(values: Values, width: int) -> list[float | None]:
    """The values as so many columns: averages of several, or one over several columns.

    >>> columns([1.0, 3.0, None, None], 2), columns([1.0, 2.0], 4)
    ([2.0, None], [1.0, 1.0, 2.0, 2.0])
    """
    number = len(values)
    edges = ((at * number // width, (at + 1) * number // width) for at in range(width if number else 0))
    return [_average(values[first : max(first + 1, last)]) for first, last in edges]


def drawn(heights: Values, rows: int, top: float, signs: str) -> list[str]:
    """So many rows of signs, the highest first; `signs` are nine heights of a cell, from nothing to full."""
    levels = [None if value is None else _level(value, rows, top) for value in heights]
    return [
        "".join(" " if level is None else signs[_part(level, rows - 1 - row)] for level in levels)
        for row in range(rows)
    ]


def top_of(values: Values, percent: bool) -> float:
    """A round number that nothing exceeds.

    >>> top_of([3.0, 12.0], True), top_of([130_000.0], False), top_of([None], False)
    (25.0, 200000.0, 1000.0)
    """
    highest = max((value for value in values if value is not None), default=0.0)
    if percent:
        return next((each for each in _PERCENTS if highest <= each), 100.0)
    if highest <= _LEAST_RATE:
        return _LEAST_RATE
    power = 10.0 ** floor(log10(highest))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if highest <= factor * power)


def _average(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _level(value: float, rows: int, top: float) -> int:
    """How many eighths of a cell a value is high; whatever was measured is at least one."""
    return max(1, min(rows * _PARTS, round(value / top * rows * _PARTS)))


def _part(level: int, row: int) -> int:
    """How many eighths of the cell in this row, counted from the ground, are filled."""
    return max(0, min(_PARTS, level - row * _PARTS))
