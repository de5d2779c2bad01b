"""The number behind what a run chooses at random: which moments engines are killed at, which worlds are run.

A run that failed is repeated with `KVMTUI_SEED`; pytest names it below the failures.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable

NAME = "KVMTUI_SEED"
SEED = int(os.environ.setdefault(NAME, str(random.randrange(1_000_000))))  # the workers of xdist inherit it


def chance(what: str) -> random.Random:
    """Random choices for one purpose, the same in every process of a run."""
    return random.Random(f"{SEED} {what}")


def share(what: str, rows: Iterable[str], columns: Iterable[str], one_in: int = 3) -> list[tuple[str, str]]:
    """One in so many pairs of a matrix, spread so that each row and each column is met; others in another run.

    `KVMTUI_MATRIX=all` asks for every pair.
    """
    parts = 1 if os.environ.get("KVMTUI_MATRIX") == "all" else one_in
    first = chance(what).randrange(parts)
    return [
        (row, column)
        for at, row in enumerate(rows)
        for over, column in enumerate(columns)
        if (at + over) % parts == first
    ]
