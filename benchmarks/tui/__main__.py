"""What the console costs its operator, measured on the real program through a real terminal of 120×40.

    python -m benchmarks.tui [starts] [demo] [biglist] [logfire] [wire] [keys]

Each figure is one line: name, measured, target, ok or NOT. Exit 1 when one is NOT. What a slow or busy machine
makes slower is compared with a bare Textual app measured in the same turn, or told as a median of several.
"""

from __future__ import annotations

import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.tui.figures import show

SECTIONS = ("starts", "demo", "biglist", "logfire", "wire", "keys")


def main(wanted: list[str]) -> int:
    """Measure, print, judge."""
    unknown = set(wanted) - set(SECTIONS)
    if unknown:
        print(f"There is no section {', '.join(sorted(unknown))}; they are {', '.join(SECTIONS)}.")
        return 2
    good = True
    for name in wanted or SECTIONS:
        print(f"\n{name}", flush=True)
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            section = import_module(f"benchmarks.tui.{name}")
            good = show(section.figures(Path(folder))) and good
        print(f"({time.perf_counter() - begun:.0f} s)", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
