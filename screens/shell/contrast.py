"""How readable a theme is, by numbers: the contrast of every text with every background it may have (WCAG 2.1)."""

from __future__ import annotations

from collections.abc import Iterator

from textual.color import Color
from textual.theme import Theme

READABLE = 4.5
"""The least contrast of text: WCAG 2.1, level AA."""


def tones(theme: Theme) -> dict[str, str]:
    """The colours that words may have in a theme, by the names of our own theme files."""
    return {
        "foreground": theme.foreground or "",
        "ok": theme.success or "",
        "busy": theme.primary,
        "warn": theme.warning or "",
        "error": theme.error or "",
        "muted": theme.variables["tone-muted"],
        "accent": theme.accent or "",
    }


def backgrounds(theme: Theme) -> dict[str, str]:
    """The backgrounds of words; a cursor in reverse video has those of the page."""
    found = {"background": theme.background or "", "panel": theme.panel or ""}
    found["mark"] = theme.variables["mark-background"]
    if theme.variables["block-cursor-text-style"] != "reverse":
        found["cursor"] = theme.variables["block-cursor-background"]
    return found


def pairs(theme: Theme) -> Iterator[tuple[str, str, str, str]]:
    """Every text on every background: both names and both colours."""
    for where, below in backgrounds(theme).items():
        for name, colour in tones(theme).items():
            cursor_text = where == "cursor" and name == "foreground"
            yield name, where, theme.variables["block-cursor-foreground"] if cursor_text else colour, below


def ratio(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21.

    >>> ratio("#000000", "#ffffff")
    21.0
    """
    high, low = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return round((high + 0.05) / (low + 0.05), 2)


def luminance(colour: Color) -> float:
    """The relative luminance of a colour, from 0 to 1."""
    red, green, blue = (_linear(each / 255) for each in (colour.r, colour.g, colour.b))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def faint(theme: Theme) -> list[str]:
    """Every text of a theme that is hard to read, with its contrast."""
    found = ((name, where, ratio(text, below)) for name, where, text, below in pairs(theme))
    return [f"{name} on {where} {number:.1f}" for name, where, number in found if number < READABLE]


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
