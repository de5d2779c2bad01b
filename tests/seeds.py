"""The number behind what a run chooses at random: when engines are killed, part of a matrix, examples of properties.

A run that failed is repeated with `KVMTUI_SEED`; pytest names it below the failures.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
NAME = "KVMTUI_SEED"
SEED = int(os.environ.setdefault(NAME, str(random.randrange(1_000_000))))  # the workers of xdist inherit it


def chance(what: str) -> random.Random:
    """Random choices for one purpose, the same in every process of a run."""
    return random.Random(f"{SEED} {what}")


def _all() -> bool:
    """Whether matrices are run whole, as `make soak` asks for with `KVMTUI_MATRIX=all`."""
    return os.environ.get("KVMTUI_MATRIX") == "all"


def examples(whole: int) -> int:
    """How many examples a property is tried with: a third, others in each run; all where matrices are run whole."""
    return whole if _all() else -(-whole // 3)


def one_of(what: str, values: list[T]) -> list[T]:
    """One of these, another in another run; all of them where matrices are run whole."""
    return values if _all() else [chance(what).choice(values)]


def share(what: str, rows: Iterable[str], columns: Iterable[str], one_in: int = 3) -> list[tuple[str, str]]:
    """One in so many pairs of a matrix, spread so that each row and each column is met; others in another run.

    Where matrices are run whole, every pair.
    """
    parts = 1 if _all() else one_in
    first = chance(what).randrange(parts)
    return [
        (row, column)
        for at, row in enumerate(rows)
        for over, column in enumerate(columns)
        if (at + over) % parts == first
    ]
