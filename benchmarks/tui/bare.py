"""The smallest Textual app: the baseline for start-up times.

python -m benchmarks.tui.bare
"""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class Bare(App[None]):
    """One line of text."""

    def compose(self) -> ComposeResult:
        yield Static("vm-0")


if __name__ == "__main__":
    Bare().run()
