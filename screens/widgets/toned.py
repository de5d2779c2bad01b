"""Words with a meaning: each has a tone, and the theme gives each tone a colour."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.color import Color
from textual.widget import Widget

from screens.common.text import plain

TONES: Mapping[str, str] = {
    "ok": "success",
    "busy": "primary",
    "warn": "warning",
    "error": "error",
    "muted": "tone-muted",
    "accent": "accent",
}
"""The meanings that a text can have besides its words, and the variable of the theme that colours each."""


def tone_style(app: App[object], name: str) -> Style:
    """The colour of a tone, without a background; read from the theme, as a style of each widget costs a start."""
    return _coloured(app.theme_variables[TONES[name]])


@lru_cache(64)
def _coloured(color: str) -> Style:
    return Style.from_color(Color.parse(color).rich_color)


class Toned(Widget):
    """A widget whose text can carry tones: `self.toned(("12 ok", "ok"), ("2 stuck", "error"))`."""

    def tone(self, name: str) -> Style:
        """The style of a tone; an empty name has none."""
        return tone_style(self.app, name) if name else Style()

    def toned(self, *pieces: tuple[str, str]) -> Text:
        """One line of safe pieces, each in its tone."""
        line = Text(no_wrap=True, end="", overflow="ellipsis")
        for words, name in pieces:
            line.append(plain(words), self.tone(name))
        return line
