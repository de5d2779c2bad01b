"""Words with a meaning: the tones of the console as styles of a widget."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from screens.common.text import plain
from screens.widgets.rows import TONES


class Toned(Widget):
    """A widget whose text can carry tones: `self.toned(("12 ok", "ok"), ("2 stuck", "error"))`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES}

    def tone(self, name: str) -> Style:
        """The style of a tone; an empty name has none."""
        return Style.from_color(self.get_component_rich_style(f"tone--{name}").color) if name else Style()

    def toned(self, *pieces: tuple[str, str]) -> Text:
        """One line of safe pieces, each in its tone."""
        line = Text(no_wrap=True, end="", overflow="ellipsis")
        for words, name in pieces:
            line.append(plain(words), self.tone(name))
        return line
