"""The number behind what a run chooses at random: which moments engines are killed at, which worlds are run.

A run that failed is repeated with `KVMTUI_SEED`; pytest names it below the failures.
"""

from __future__ import annotations

import os
import random

NAME = "KVMTUI_SEED"
SEED = int(os.environ.setdefault(NAME, str(random.randrange(1_000_000))))  # the workers of xdist inherit it


def chance(what: str) -> random.Random:
    """Random choices for one purpose, the same in every process of a run."""
    return random.Random(f"{SEED} {what}")
