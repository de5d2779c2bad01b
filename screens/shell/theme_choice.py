"""Chooses the colours: one of the four themes, or a theme file of the operator."""

from __future__ import annotations

from typing import Any

from engine.errors import KvmtuiError
from screens.shell import themes

_USES = {
    "dark": "For dark rooms.",
    "light": "For bright rooms.",
    "16": "The terminal's own colours.",
    "high-contrast": "The most contrast.",
}


def use_own(app: Any, name: str) -> str:
    """Shows the theme of a file, or keeps the colours; what is wrong with the file is one sentence."""
    from screens.shell import user_themes

    try:
        made = user_themes.load(app.setup.theme_folder, name)
    except KvmtuiError as error:
        return error.sentence
    app.register_theme(made)
    app.theme = made.name
    return user_themes.complaint(made)


async def choose(app: Any) -> None:
    """Asks which colours to use until the console ends."""
    from screens.shell import user_themes
    from screens.widgets.dialogs import Choice, Choose

    choices = [Choice(name, _USES[name]) for name in themes.NAMES]
    own = [name for name in user_themes.names(app.setup.theme_folder) if name not in themes.NAMES]
    choices += [Choice(name, f"themes/{name}.toml") for name in own]
    chosen = await app.push_screen_wait(Choose("Colours", choices))
    if chosen in themes.NAMES:
        app.theme = themes.NAMES[chosen]
    elif chosen is not None and (wrong := use_own(app, chosen)):
        app.notify(wrong, severity="warning", markup=False)
