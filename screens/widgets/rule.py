"""A titled rule: a line with a title in it, which sets a part of the screen off without a box.

rule_row("Capacity", 30)        # "─ Capacity ──────────────────"
yield TitledRule("Redeploy vps-1?")
"""

from __future__ import annotations

from textwrap import wrap

from rich.text import Text
from textual.geometry import Size

from screens.common import glyphs
from screens.common.text import lines
from screens.widgets.toned import Toned

LINE, ROUGH_LINE = "─", "-"


def rule_row(title: str, width: int, drawn: bool = True) -> tuple[str, str, str]:
    """A rule of this width as what stands before the title, the title, and what follows it."""
    line = LINE if drawn else ROUGH_LINE
    if not title:
        return line * width, "", ""
    return f"{line} ", title, " " + line * max(0, width - len(title) - 3)


class TitledRule(Toned):
    """A rule over the whole width; a title that is too long for it continues below."""

    def __init__(self, title: str = "", tone: str = "accent", *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.title = "\n".join(lines(title, 4_096))
        self._tone = tone
        self._drawn = glyphs.blocks()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._parts(width))

    def render(self) -> Text:
        first, *rest = self._parts(self.size.width)
        before, title, after = rule_row(first, self.size.width, self._drawn)
        rows = [self.toned((before, "muted"), (title, self._tone), (after, "muted"))]
        rows += [self.toned((f"  {each}", self._tone)) for each in rest]
        return Text("\n").join(rows)

    def _parts(self, width: int) -> list[str]:
        return [part for line in self.title.split("\n") for part in wrap(line, max(8, width - 4)) or [""]]
