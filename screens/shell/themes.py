"""The four themes of the console, and what they omit on slow links and limited terminals.

    looks = choose(low_bandwidth=True)
    App(ansi_color=looks.ansi or None); register(app); app.theme = looks.theme

State is never shown by colour alone, so every theme works without colour (NO_COLOR).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from textual.app import App
from textual.theme import Theme

DARK, LIGHT, SIXTEEN, CONTRAST = "kvmtui-dark", "kvmtui-light", "kvmtui-16", "kvmtui-contrast"
NAMES: Mapping[str, str] = {"dark": DARK, "light": LIGHT, "16": SIXTEEN, "high-contrast": CONTRAST}
"""The theme names of the configuration, and the theme of each."""

_SHARED = {"block-cursor-text-style": "none", "input-cursor-text-style": "reverse"}

_THEMES = (
    Theme(
        name=DARK,
        primary="#63b1ee",
        secondary="#7fc8f8",
        accent="#c9a0ff",
        warning="#f2c14e",
        error="#ff7d7d",
        success="#74d6a4",
        foreground="#d7dce2",
        background="#14181d",
        surface="#14181d",
        panel="#222932",
        dark=True,
        variables={
            **_SHARED,
            "block-cursor-background": "#1f3a57",
            "block-cursor-foreground": "#ffffff",
            "mark-background": "#33321c",
            "tone-muted": "#9aa5b1",
        },
    ),
    Theme(
        name=LIGHT,
        primary="#0a4f9e",
        secondary="#0e7490",
        accent="#6d28d9",
        warning="#835400",
        error="#8f0f1c",
        success="#0a6b5c",
        foreground="#1b1f24",
        background="#fafafa",
        surface="#fafafa",
        panel="#e6e9ee",
        dark=False,
        variables={
            **_SHARED,
            "block-cursor-background": "#cfe3f8",
            "block-cursor-foreground": "#000000",
            "mark-background": "#f5ecc4",
            "tone-muted": "#545d69",
        },
    ),
    Theme(
        name=CONTRAST,
        primary="#55c8ff",
        secondary="#00ffff",
        accent="#ff99ff",
        warning="#ffee00",
        error="#ff9a9a",
        success="#70ff90",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#000000",
        dark=True,
        text_alpha=1.0,
        variables={
            **_SHARED,
            "block-cursor-background": "#000000",
            "block-cursor-foreground": "#ffffff",
            "block-cursor-text-style": "reverse",
            "mark-background": "#4a3800",
            "tone-muted": "#ffffff",
        },
    ),
    Theme(
        name=SIXTEEN,
        ansi=True,
        primary="ansi_cyan",
        secondary="ansi_cyan",
        accent="ansi_bright_magenta",
        warning="ansi_bright_yellow",
        error="ansi_bright_red",
        success="ansi_green",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables={
            **_SHARED,
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "border-blurred": "ansi_default",
            "block-cursor-background": "ansi_default",
            "block-cursor-foreground": "ansi_default",
            "block-cursor-text-style": "reverse",
            "input-cursor-background": "ansi_default",
            "input-cursor-foreground": "ansi_default",
            "mark-background": "ansi_default",
            "tone-muted": "ansi_default",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Appearance:
    """How this console shows itself: colours, mouse, movement and pace."""

    theme: str = DARK
    own: str = ""
    """The name of a theme file, for the console to read; `theme` is what it shows without one."""
    ansi: bool = False
    mouse: bool = True
    animation: Literal["none", "basic", "full"] = "none"
    tick_seconds: float = 1.0
    """How often changed rows may be drawn."""
    log_hz: float = 2.0
    """How often new log lines are drawn: each time costs the whole pane, some 2 kB at half height."""
    charts: bool = True


def choose(
    theme: str = "dark", *, low_bandwidth: bool = False, environ: Mapping[str, str] | None = None
) -> Appearance:
    """The looks for this terminal and this line; any other name is that of a theme file.

    >>> choose("light", low_bandwidth=True, environ={}).theme
    'kvmtui-16'
    >>> choose("dark", environ={"NO_COLOR": "1"}).ansi
    True
    """
    env = os.environ if environ is None else environ
    if low_bandwidth:
        return Appearance(SIXTEEN, ansi=True, mouse=False, tick_seconds=5.0, log_hz=1.0, charts=False)
    poor = env.get("TERM", "") in ("linux", "vt100", "vt220", "ansi", "xterm")
    if theme == "16" or poor or env.get("NO_COLOR"):  # greys are colours too
        return Appearance(SIXTEEN, ansi=True)
    return Appearance(NAMES.get(theme, DARK), own="" if theme in NAMES else theme)


def register(app: Any) -> None:
    """Makes the four themes known to a Textual app."""
    for each in _THEMES:
        app.register_theme(each)


class ThemedApp(App[int]):
    """An app whose style sheet is parsed once at the start, in the colours of the theme it starts with."""

    def refresh_css(self, animate: bool = True) -> None:
        """Applies the theme to every screen. Before the first screen exists there is nothing to update: the style
        sheet takes the colours of the theme and is parsed when the first screen needs it."""
        if self.screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())


def theme(name: str) -> Theme:
    """The theme of that Textual name, such as `DARK`."""
    return next(each for each in _THEMES if each.name == name)


def stylesheet() -> Path:
    """Where `kvmtui.tcss` is: beside the packages in a checkout, inside `kvmtui` once installed."""
    root = Path(__file__).resolve().parents[2]
    installed = root / "kvmtui" / "kvmtui.tcss"
    return installed if installed.exists() else root / "kvmtui.tcss"
