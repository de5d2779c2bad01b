"""Measure the console in a real 120×40 terminal.

    python -m benchmarks.tui [starts] [demo] [biglist] [logfire] [wire] [keys]

Prints one line per figure: name, value, target, `ok` or `MISSED`; exits with 1 if a target is missed. Figures that
depend on the speed of the machine are relative to a bare Textual app measured at the same time, or are medians.
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
    """Print the figures of the sections; 1 if a target is missed, 2 if a section is unknown."""
    unknown = set(wanted) - set(SECTIONS)
    if unknown:
        print(f"Unknown section: {', '.join(sorted(unknown))}. Choose from {', '.join(SECTIONS)}.")
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
