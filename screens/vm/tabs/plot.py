"""Usage as columns of blocks or braille dots: what was measured as height, what was not as a gap.

    columns(grid([(0, 5.0), (60_000, None), (120_000, 9.0)], 60), 3)     # [5.0, None, 9.0]
    drawn([5.0, None, 9.0], 1, 10.0, EIGHTHS)                            # ["▄ ▇"]

A measured zero is drawn as the lowest block; a gap stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

Values = Sequence[float | None]
_PARTS, _DOTS = 8, 4
_LEFT, _RIGHT = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)
"""The dots of a braille pattern, each column from the ground up."""
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
    levels = [None if value is None else _level(value, rows * _PARTS, top) for value in heights]
    return [
        "".join(" " if level is None else signs[_part(level, rows - 1 - row, _PARTS)] for level in levels)
        for row in range(rows)
    ]


def dotted(heights: Values, rows: int, top: float) -> list[str]:
    """The same in braille: two columns to a cell and four heights to a row, the highest row first.

    >>> dotted([4.0, None, 2.0, 1.0], 1, 4.0)
    ['⡇⣄']
    """
    levels = [0 if value is None else _level(value, rows * _DOTS, top) for value in heights]
    levels += [0] * (len(levels) % 2)
    pairs = list(zip(levels[::2], levels[1::2], strict=True))
    return ["".join(_pattern(left, right, rows - 1 - row) for left, right in pairs) for row in range(rows)]


def top_of(values: Values, percent: bool) -> float:
    """The top of the axis: 100 for percents, so that charts compare; else a round number that nothing exceeds.

    >>> top_of([3.0, 12.0], True), top_of([130_000.0], False), top_of([None], False)
    (100.0, 200000.0, 1000.0)
    """
    if percent:
        return 100.0
    highest = max((value for value in values if value is not None), default=0.0)
    if highest <= _LEAST_RATE:
        return _LEAST_RATE
    power = 10.0 ** floor(log10(highest))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if highest <= factor * power)


def _average(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _level(value: float, parts: int, top: float) -> int:
    """How many parts of the whole height a value is high; whatever was measured is at least one."""
    return max(1, min(parts, round(value / top * parts)))


def _part(level: int, row: int, parts: int) -> int:
    """How many parts of the cell in this row, counted from the ground, are filled."""
    return max(0, min(parts, level - row * parts))


def _pattern(left: int, right: int, row: int) -> str:
    """The braille pattern of two columns in this row, counted from the ground; a space where both are empty."""
    dots = sum(_LEFT[: _part(left, row, _DOTS)]) + sum(_RIGHT[: _part(right, row, _DOTS)])
    return chr(0x2800 + dots) if dots else " "
