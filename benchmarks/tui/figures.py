"""Measured values and their targets."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and its upper limit; without a target it is only printed."""

    name: str
    measured: float
    target: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value is within its target."""
        return self.target is None or self.measured <= self.target

    @property
    def line(self) -> str:
        """`name measured target ok`, in columns."""
        most = "—" if self.target is None else f"{self.target:g}"
        verdict = "" if self.target is None else "ok" if self.holds else "MISSED"
        return f"{self.name:<58} {self.measured:>10.2f} {most:>8} {self.unit:<5} {verdict}"


def show(figures: Iterable[Figure]) -> bool:
    """Print each figure as it is measured; whether all are within their targets."""
    good = True
    for figure in figures:
        print(figure.line, flush=True)
        good = good and figure.holds
    return good


def ms(seconds: Sequence[float], quantile: float = 0.5) -> float:
    """The median, or another quantile, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] * 1000


def median_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """The median ratio of pairs that were measured one right after the other."""
    return statistics.median(one / other for one, other in pairs)
