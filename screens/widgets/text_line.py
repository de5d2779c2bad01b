"""A line that takes text."""

from __future__ import annotations

from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input


class TextLine(Input):
    """An Input of a fixed width: a key that is typed into it does not lay out the whole screen again."""

    virtual_size = Reactive(Size(0, 0))
