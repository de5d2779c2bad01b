"""`python -m kvmtui.reference [FOLDER]`: rewrite every generated page below FOLDER (docs/ by default)."""

from __future__ import annotations

import sys
from pathlib import Path

from kvmtui.reference.pages import write

DOCS = Path(__file__).parents[2] / "docs"

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    if not folder.is_dir():
        sys.exit(f"{folder}: not found. Run this in a checkout, or name a folder.")
    for name in write(folder):
        sys.stdout.write(f"{name}\n")
